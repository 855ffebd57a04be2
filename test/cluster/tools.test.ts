import t from 'tap'
import { Cluster, dropCaches, mounting, must, run, shell } from './harness.ts'

t.test('ordinary tools on a mount', mounting, async t => {
  const cluster = await Cluster.up()
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster

  t.test('a tree with every kind of thing in it comes out of cp -a, rsync and tar as it went in', async t => {
    await must('python3', ['-', `${folder}/tree`], { input: oddTree })
    await must('cp', ['-a', `${folder}/tree`, `${mount}/copied`])
    await must('rsync', ['-aHX', `${folder}/tree/`, `${mount}/synced/`])
    await shell(`mkdir ${mount}/unpacked && tar -C ${folder}/tree --format=posix -cf - . | tar -C ${mount}/unpacked -xpf -`)
    await dropCaches()
    for (const copy of ['copied', 'synced', 'unpacked']) {
      t.equal(await listing(`${mount}/${copy}`), await listing(`${folder}/tree`), `${copy}: names, kinds, modes, owners, times, links`)
      await must('diff', ['-r', '--no-dereference', '-x', 'fifo', `${folder}/tree`, `${mount}/${copy}`])
    }
    t.equal(await must('rsync', ['-aHXni', '--delete', `${folder}/tree/`, `${mount}/synced/`]), '', 'rsync finds nothing to do')
    await must('rm', ['-rf', `${mount}/copied`, `${mount}/synced`, `${mount}/unpacked`])
    t.equal(await must('ls', ['-A', mount]), '', 'nothing is left')
  })

  t.test('git clones, commits, checks and packs', async t => {
    await shell(`
      cd ${folder} && git init -q origin && cd origin && git config user.email t@t && git config user.name t
      for i in $(seq 200); do mkdir -p d$((i % 7)) && seq $i $((i * 3)) > d$((i % 7))/f$i; done
      git add . && git commit -qm one`)
    const git = `git -c user.email=t@t -c user.name=t`
    t.match(await shell(`
      cd ${mount} && ${git} clone -q ${folder}/origin clone && cd clone
      for i in $(seq 50); do echo $i >> d1/f1; done; git mv d2 moved; ${git} commit -qam two
      git gc -q && git fsck --strict 2>&1 && git status --porcelain && git log --oneline | wc -l`), /2\s*$/)
  })

  t.test('sqlite keeps thousands of transactions', async t => {
    const script = `
      import sqlite3, sys
      db = sqlite3.connect(sys.argv[1])
      db.execute('create table t(id integer primary key, v text)')
      for i in range(40):
        for j in range(50): db.execute('insert into t(v) values (?)', ('x' * (i * j % 300),))
        db.commit()
      db.execute('update t set v = v || id where id % 3 = 0'); db.commit()
      db.execute('delete from t where id % 5 = 0'); db.commit(); db.execute('vacuum')
      print(db.execute('pragma integrity_check').fetchone()[0], db.execute('select count(*) from t').fetchone()[0])`
    t.equal(await must('python3', ['-c', dedent(script), `${mount}/base.db`]), 'ok 1600\n')
    await dropCaches()
    t.equal(await must('sqlite3', [`${mount}/base.db`, 'pragma integrity_check; select count(*) from t']), 'ok\n1600\n')
  })

  t.test('fio finds every byte where it put it', async t => {
    for (const [name, options] of [
      ['4 KiB random', ['--rw=randwrite', '--bs=4k']],
      ['unaligned', ['--rw=randwrite', '--bsrange=512-70000', '--bs_unaligned=1']],
      ['synced', ['--rw=randwrite', '--bs=16k', '--fsync=16', '--io_size=4m']],
    ] as const) {
      const { code, stdout, stderr } = await run('fio', [`--name=verify`, `--filename=${mount}/fio`, '--size=24m', '--verify=crc32c',
        '--do_verify=1', '--verify_fatal=1', '--randseed=7', '--ioengine=psync', '--norandommap=0', ...options], { cwd: folder })
      t.equal(code, 0, `${name}: ${stderr}${code === 0 ? '' : stdout}`)
      await must('rm', [`${mount}/fio`])
    }
  })

  t.test('sparse and large files keep their holes and their bytes', async t => {
    const sum = await shell(`
      cd ${mount} && truncate -s 3G sparse && printf tail | dd of=sparse bs=1 seek=2500000000 conv=notrunc status=none
      test $(stat -c %s sparse) = 3221225472 && test $(stat -c %b sparse) -lt 600000
      dd if=sparse bs=1 skip=2500000000 count=4 status=none && cp --sparse=always sparse ${folder}/sparse && cmp -n 100000000 sparse ${folder}/sparse
      rm sparse ${folder}/sparse`)
    t.equal(sum, 'tail')
    const sums = await shell(`
      cd ${mount} && head -c 300000000 /dev/urandom | tee big | sha256sum
      echo 3 > /proc/sys/vm/drop_caches; sha256sum < big; rm big`)
    const [written, read] = sums.trim().split('\n')
    t.equal(read, written)
  })

  t.test('a user who is not root owns what he makes, and may not what he may not', async t => {
    await shell(`mkdir -m 1777 ${mount}/shared && mkdir -m 700 ${mount}/private && echo secret > ${mount}/private/file`)
    // He gets in by his working directory: the folders above are closed to him.
    const user = { uid: 65_534, gid: 65_534, cwd: `${mount}/shared` }
    await shell('echo mine > mine && mkdir dir && ln -s mine link && chmod 600 mine', user)
    t.equal(await shell(`stat -c '%u %g %a' ${mount}/shared/mine`), '65534 65534 600\n')
    for (const forbidden of ['cat ../private/file', 'touch ../private/x', 'chown 0 mine', 'touch ../new']) {
      t.not((await run('sh', ['-c', forbidden], user)).code, 0, forbidden)
    }
    await shell(`touch ${mount}/shared/roots`)
    t.not((await run('rm', ['-f', 'roots'], user)).code, 0, 'the sticky bit protects')
    t.equal((await run('rm', ['-rf', 'mine', 'dir', 'link'], user)).code, 0, 'and leaves him what is his')
  })
})

/** Names, kinds, modes, owners, sizes, times and link counts below a folder; sizes of directories mean nothing. */
function listing(folder: string): Promise<string> {
  return shell(`cd ${folder} && find . -type d -printf '%y %m %U %G %T@ %P\\n' -o -printf '%y %m %U %G %s %T@ %n %l %P\\n' | sort`)
}

function dedent(text: string): string {
  return text.replace(/^ {6}/gm, '').trim()
}

const oddTree = `
import os, sys, random, socket
root = sys.argv[1].encode(); os.mkdir(root); r = random.Random(1)
for d in range(12):
  os.makedirs(root + b'/dir%d/deep/er' % d)
  for f in range(90):
    with open(root + b'/dir%d/file%d' % (d, f), 'wb') as out: out.write(r.randbytes(r.choice([0, 1, 100, 4096, 5000, 70000])))
for name in [b'with space', b'new\\nline', b'n' * 255, b'\\xff\\xfe\\x80', 'umläut ☃'.encode(), b'-rf', b'*']:
  with open(root + b'/' + name, 'wb') as out: out.write(name)
os.mkdir(root + b'/' + b'd' * 255); open(root + b'/' + b'd' * 255 + b'/inside', 'w').close()
os.symlink(b'dir1/file1', root + b'/link'); os.symlink(b'/nowhere/\\xff', root + b'/dangling')
os.link(root + b'/dir1/file2', root + b'/hard'); os.mkfifo(root + b'/fifo')
os.chmod(root + b'/dir2/file1', 0o4755); os.chmod(root + b'/dir3', 0o2775); os.chmod(root + b'/dir4/file4', 0)
os.chown(root + b'/dir5/file5', 1234, 4321)
os.utime(root + b'/dir6/file6', ns=(123456789, -86400 * 10**9 + 987654321)); os.utime(root + b'/dir7', ns=(0, 946684800123456789))
`

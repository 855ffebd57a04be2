import t from 'tap'
import { Cluster, eventually, mounting, must, run, shell } from './harness.ts'

t.test('two mounts of one cluster', mounting, async t => {
  const cluster = await Cluster.up()
  t.teardown(() => cluster.down())
  const one = cluster.mount
  const two = await cluster.mountAgain()
  /** The other mount may believe for a second that there is no such name. */
  const seenByTwo = (name: string): Promise<true> => eventually(`the other mount sees ${name}`,
    async () => (await run('stat', [`${two}/${name}`])).code === 0 ? true : undefined, 2_000)

  t.test('what one closed, the other reads at once', async t => {
    for (let round = 0; round < 30; round++) {
      const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one]
      const text = `round ${String(round)} ${'x'.repeat(round * 1_000)}`
      t.equal(await shell(`printf %s "$0" > ${writer}/file; cat ${reader}/file`.replace('$0', text)), text)
    }
  })

  t.test('a change in the middle of a file that was read before is seen by the next open', async t => {
    await shell(`head -c 3000000 /dev/zero > ${one}/middle`)
    await seenByTwo('middle')
    await shell(`cat ${two}/middle > /dev/null
      printf changed | dd of=${one}/middle bs=1 seek=1500000 conv=notrunc status=none`)
    t.equal(await shell(`dd if=${two}/middle bs=1 skip=1500000 count=7 status=none`), 'changed')
  })

  t.test('a file that is held open shows what another mount wrote as soon as stat does', async t => {
    await shell(`printf old > ${one}/held`)
    await seenByTwo('held')
    t.equal(await must('python3', ['-c', `
import os, time
f = os.open('${two}/held', os.O_RDONLY)
assert os.read(f, 10) == b'old'
a = open('${one}/held', 'r+'); a.write('NEWER'); a.close()
deadline = time.time() + 5
while os.stat('${two}/held').st_size != 5 and time.time() < deadline: time.sleep(0.05)
print(os.pread(f, 10, 0).decode())`]), 'NEWER\n')
  })

  t.test('rename, unlink and chmod by one are seen by the other within the cache time', async t => {
    await shell(`cd ${one} && mkdir dir && touch dir/a dir/b`)
    await seenByTwo('dir')
    await shell(`cd ${one} && ls -l ${two}/dir && mv dir/a dir/renamed && rm dir/b && chmod 700 dir`)
    await eventually('the other mount sees all three', async () => {
      const seen = await shell(`cd ${two} && stat -c %a dir && ls dir`)
      return seen === '700\nrenamed\n' ? seen : undefined
    }, 5_000)
    // The kernel has seen the old name, and keeps it for its own half of the time.
    t.ok(await eventually('the old name is gone',
      async () => (await run('stat', [`${two}/dir/a`])).code === 0 ? undefined : 'gone', 1_000))
  })

  t.test('appends from both to one file all survive, each in one piece', async t => {
    const writer = (mount: string, label: string): Promise<string> => must('python3', ['-c', `
import os
f = os.open('${mount}/log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
for i in range(300):
  os.write(f, b'${label} %04d\\n' % i)
  if i % 10 == 0: os.fsync(f)
os.close(f)`])
    await must('touch', [`${one}/log`])
    await Promise.all([writer(one, 'one'), writer(two, 'two')])
    const lines = (await must('cat', [`${one}/log`])).trimEnd().split('\n')
    t.equal(lines.length, 600, 'no line is lost')
    for (const label of ['one', 'two']) {
      const own = lines.filter(line => line.startsWith(label))
      t.strictSame(own, Array.from({ length: 300 }, (_, i) => `${label} ${String(i).padStart(4, '0')}`), `${label}: all, in order`)
    }
  })

  t.test('a file unlinked by one stays readable where the other has it open', async t => {
    await shell(`head -c 200000 /dev/urandom > ${one}/doomed`)
    await seenByTwo('doomed')
    t.equal(await shell(`
      exec 3< ${two}/doomed; sum=$(sha256sum < ${one}/doomed); rm ${one}/doomed
      test "$(sha256sum <&3)" = "$sum" && echo same`), 'same\n')
  })

  t.test('a mount that is ended with SIGTERM has flushed, and is gone', async t => {
    const three = await cluster.mountAgain()
    await shell(`exec 3> ${three}/flushed; printf late >&3; kill -TERM $(pgrep -f "dfs-[m]ount.* ${three}"); exec 3>&- || true`)
    await eventually('it is unmounted', async () => (await run('mountpoint', ['-q', three])).code === 0 ? undefined : true)
    t.equal(await must('cat', [`${one}/flushed`]), 'late')
  })
})

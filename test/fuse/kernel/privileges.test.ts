import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { mounted, runToEnd, whyNoMount } from './mounted.ts'

const skip = whyNoMount()
const nobody = { uid: 65_534, gid: 65_534 }

if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  const { directories: [root = ''], complaints } = await mounted(t)
  const at = (name: string): string => path.join(root, name)
  // mkdtemp made the folder above for its owner alone.
  await chmod(path.dirname(root), 0o755)
  await mkdir(at('open'))
  await chmod(at('open'), 0o1777)

  const asNobody = (script: string) => runToEnd('sh', ['-c', script], { cwd: at('open'), ...nobody })

  await t.test('a new file belongs to its maker, less the umask', async t => {
    t.match(await asNobody('umask 027; echo hello > mine; mkdir folder; ln -s x link'), { status: 0, errors: '' })
    t.match(await stat(at('open/mine')), { uid: nobody.uid, gid: nobody.gid })
    t.equal((await stat(at('open/mine'))).mode & 0o777, 0o640)
    t.equal((await stat(at('open/folder'))).mode & 0o777, 0o750)
  })

  await t.test('permissions bind everybody but root', async t => {
    await writeFile(at('secret'), 'x', { mode: 0o600 })
    t.not((await asNobody('cat ../secret')).status, 0)
    t.not((await asNobody('echo x > ../new')).status, 0)
    t.not((await asNobody('chmod 777 ../secret')).status, 0)
    await writeFile(at('open/roots'), '')
    t.not((await asNobody('rm -f roots')).status, 0, 'the sticky bit guards the files of others')
  })

  await t.test('a write by another than root takes set-id away', async t => {
    for (const [script, name] of [
      ['echo x >> program', 'write'], ['truncate -s 3 program', 'truncate'], [': > program', 'open'],
    ] as const) {
      await writeFile(at('open/program'), 'some bytes')
      await chmod(at('open/program'), 0o6777)
      t.match(await asNobody(script), { status: 0, errors: '' })
      t.equal((await stat(at('open/program'))).mode & 0o7777, 0o777, name)
    }
    await chmod(at('open/program'), 0o6777)
    await writeFile(at('open/program'), 'by root', { flag: 'r+' })
    t.equal((await stat(at('open/program'))).mode & 0o7777, 0o6777, 'root keeps it')
  })

  await t.test('a setgid directory gives its group to what is made in it', async t => {
    await mkdir(at('shared'))
    await chown(at('shared'), 0, 4242)
    await chmod(at('shared'), 0o2777)
    t.match(await asNobody('echo x > ../shared/file; mkdir ../shared/folder'), { status: 0, errors: '' })
    t.equal((await stat(at('shared/file'))).gid, 4242)
    t.equal((await stat(at('shared/folder'))).mode & 0o2000, 0o2000)
  })

  t.equal(complaints(), '', 'the server has nothing to complain about')
}

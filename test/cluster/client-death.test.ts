import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { Cluster, eventually, mounting, must, run, start } from './harness.ts'

const status = z.object({ chunks: z.number() })

t.test('a mount that dies leaves nothing behind that others would wait for', mounting, async t => {
  const cluster = await Cluster.up({ options: ['--chunk-size', '1MiB', '--master-option=--session-ms=2000', '--master-option=--heartbeat-ms=500'] })
  t.teardown(() => cluster.down())
  const { mount } = cluster
  const other = await cluster.mountAgain()
  const chunks = async (): Promise<number> =>
    status.parse(JSON.parse(await must('bin/dfs', ['status', other, '--json']))).chunks

  writeFileSync(path.join(mount, 'kept'), 'kept')
  const before = await chunks()
  const files = ['unlinked', 'half'].map(name => {
    const file = openSync(path.join(mount, name), 'w')
    for (let at = 0; at < 4; at++) writeSync(file, Buffer.alloc(1024 * 1024, name))
    ftruncateSync(file, 4 * 1024 * 1024)
    return file
  })
  unlinkSync(path.join(mount, 'unlinked'))
  const { child } = start('flock', [path.join(mount, 'kept'), 'sleep', '60'])
  t.teardown(() => child.kill('SIGKILL'))
  await eventually('the lock is held', async () => (await run('flock', ['-n', path.join(mount, 'kept'), 'true'])).code === 1 || undefined)
  t.ok(await chunks() > before + 4, 'what is open takes space')

  await cluster.kill('mount')
  for (const file of files) try { closeSync(file) } catch { /* its mount is gone */ }

  t.test('the space of what was unlinked while open is given back', async () => {
    await eventually('only the half-written file is left', async () => await chunks() <= before + 4 || undefined)
  })
  t.test('others read, write and lock what it had open', async t => {
    t.equal(readFileSync(path.join(other, 'kept'), 'latin1'), 'kept')
    t.equal((await run('flock', ['-n', path.join(other, 'kept'), 'true'])).code, 0, 'the lock went with its mount')
    writeFileSync(path.join(other, 'half'), 'whole')
    t.equal(readFileSync(path.join(other, 'half'), 'latin1'), 'whole')
    mkdirSync(path.join(other, 'more'))
  })
  t.test('and it can be mounted again in the same place', async t => {
    await cluster.start()
    t.equal(readFileSync(path.join(mount, 'half'), 'latin1'), 'whole')
  })
})

t.test('an untar while the master is killed again and again only pauses', mounting, async t => {
  const cluster = await Cluster.up()
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster
  await must('bash', ['-c', `tar -C src -cf ${folder}/tree.tar . && mkdir ${mount}/tree`])
  // It says each name before it makes it: by these the kills are spread over the whole.
  const unpacking = start('tar', ['-C', path.join(mount, 'tree'), '-xvf', path.join(folder, 'tree.tar')])
  let names = 0
  let said = (): void => {}
  unpacking.child.stdout?.on('data', (text: Buffer) => {
    names += text.toString('latin1').split('\n').length - 1
    said()
  })
  const ended = unpacking.ended.then(() => 'ended' as const)
  for (const enough of [50, 150]) {
    const reached = new Promise<'reached'>(resolve => { said = () => { if (names >= enough) resolve('reached') }; said() })
    t.equal(await Promise.race([reached, ended]), 'reached', `it is under way at ${String(enough)} names`)
    await cluster.kill('master')
    await cluster.start()
  }
  const { code, stderr } = await unpacking.ended
  t.strictSame([code, stderr], [0, ''], 'tar saw nothing')
  await must('diff', ['-r', 'src', path.join(mount, 'tree')])
})

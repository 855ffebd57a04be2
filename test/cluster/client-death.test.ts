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
    await eventually('only the half-written file is left', async () => await chunks() <= before + 4 || undefined, 30_000)
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
  await must('bash', ['-c', `tar -C src -cf ${folder}/tree.tar .`])
  const unpacking = run('bash', ['-c', `mkdir ${mount}/tree && tar -C ${mount}/tree -xf ${folder}/tree.tar`])
  const tar: { ended: boolean } = { ended: false }
  void unpacking.finally(() => { tar.ended = true })
  let kills = 0
  while (!tar.ended && kills < 4) {
    await new Promise(resolve => { setTimeout(resolve, 700) })
    await cluster.kill('master')
    kills++
    await cluster.start()
  }
  const { code, stderr } = await unpacking
  t.strictSame([code, stderr], [0, ''], 'tar saw nothing')
  t.ok(kills >= 2, `the master was killed ${String(kills)} times`)
  await must('diff', ['-r', 'src', path.join(mount, 'tree')])
})

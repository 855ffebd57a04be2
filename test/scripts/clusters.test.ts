import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { down } from '../../scripts/clusters/down.ts'
import { parseFuseMounts } from '../../scripts/clusters/mounts.ts'
import { freePort, listensAt } from '../../scripts/clusters/ports.ts'
import { eventually, identify, isRunning, logTail, startDaemon, stopAll } from '../../scripts/clusters/processes.ts'
import { readState, stateFile, writeState, type ClusterState, type ProcessIdentity } from '../../scripts/clusters/state.ts'
import { status, statusTable } from '../../scripts/clusters/status.ts'

/** A process that says when it listens to signals. */
async function started(t: Test, script: string): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', `${script}; setInterval(() => {}, 1000); console.log('ready')`],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const identity = identify(child.pid ?? 0)
  if (identity === undefined) throw new Error('the process did not start')
  return identity
}

const stateWith = (dir: string, identity: ProcessIdentity | undefined): ClusterState => ({
  format: 1,
  settings: { chunkservers: 1, replicas: 1, masterOptions: [], chunkserverOptions: [] },
  processes: [{
    role: 'master', name: 'master', address: '127.0.0.1:20000', data: join(dir, 'master'), log: join(dir, 'log'),
    ...(identity === undefined ? {} : { process: identity }),
  }],
})

t.test('the state of a cluster is read back as it was written, and nothing else lies beside it', async t => {
  const dir = join(t.testdir(), 'not/there/yet')
  t.equal(readState(dir), undefined, 'no cluster yet')
  const state = stateWith(dir, { pid: 77, startTicks: '123', bootId: 'b' })
  writeState(dir, state)
  writeState(dir, state)
  t.strictSame(readState(dir), state)
  t.strictSame(readdirSync(dir), ['run.json'])
})

t.test('a state file of something else is refused by name', async t => {
  for (const text of ['{"format":2}', 'no json', '{"format":1,"settings":{},"processes":[{"pid":1}]}']) {
    const dir = t.testdir({ 'run.json': text })
    t.throws(() => readState(dir), { message: `${stateFile(dir)} is not what scripts/cluster wrote` })
  }
})

t.test('a process with the number of ours that started at another time is not ours and is left alone', async t => {
  const identity = await started(t, '')
  const dir = t.testdir()
  t.ok(isRunning(identity))
  writeState(dir, stateWith(dir, { ...identity, startTicks: String(Number(identity.startTicks) - 1) }))
  t.strictSame(await down(dir), { stopped: 0, killed: [] })
  t.ok(isRunning(identity), 'a stranger lives on')
  t.notOk(isRunning({ ...identity, bootId: 'an earlier boot' }))
})

t.test('down ends what runs, and status says before and after how it is', async t => {
  const identity = await started(t, '')
  const dir = t.testdir()
  t.equal(await status(dir), undefined)
  writeState(dir, stateWith(dir, identity))
  const before = await status(dir)
  t.match(before, { running: true, processes: [{ role: 'master', state: 'running', pid: identity.pid }] })
  t.match(before && statusTable(before), new RegExp(`^NAME +STATE +PID +ADDRESS +DATA\nmaster +running +${String(identity.pid)} `))
  t.strictSame(await down(dir), { stopped: 1, killed: [] })
  t.notOk(isRunning(identity))
  t.match(await status(dir), { running: false, processes: [{ state: 'stopped', pid: null, address: '127.0.0.1:20000' }] })
  t.strictSame(await down(dir), { stopped: 0, killed: [] }, 'a second time there is nothing to do')
})

t.test('a process that ignores SIGTERM is killed in the end, one that does not is not', async t => {
  const stubborn = await started(t, "process.on('SIGTERM', () => {})")
  const polite = await started(t, '')
  t.strictSame(await stopAll([stubborn, polite], 2_000), [stubborn.pid])
  t.notOk(isRunning(stubborn) || isRunning(polite))
})

t.test('a daemon runs in a session of its own, its output at the end of its log', async t => {
  const dir = t.testdir()
  const log = join(dir, 'logs/some.log')
  mkdirSync(join(dir, 'logs'))
  writeFileSync(log, 'earlier\n')
  const { process: identity, logStart } = startDaemon('sh', ['-c', 'echo "session $(cut -d" " -f6 /proc/$$/stat) of $$"'], log)
  t.equal(logStart, 8)
  t.ok(await eventually(() => !isRunning(identity), 20_000))
  t.equal(logTail(log, logStart), `session ${String(identity.pid)} of ${String(identity.pid)}`)
})

t.test('who listens at a port is known without visiting', async t => {
  const port = await freePort(new Set())
  t.notOk(listensAt(process.pid, port))
  let visitors = 0
  const server = createServer(() => { visitors++ }).listen(port, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  t.ok(listensAt(process.pid, port))
  t.notOk(listensAt(process.ppid, port), 'another process does not listen there')
  t.equal(visitors, 0)
})

t.test('FUSE mounts are found in the kernel\'s list, whatever their names', async t => {
  t.strictSame(parseFuseMounts([
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '40 22 0:55 / /mnt/a\\040b\\134c rw,nosuid shared:9 master:2 - fuse.dfs 127.0.0.1:9400:/x rw,user_id=0',
    '41 22 0:56 / /sys/fs/fuse/connections rw - fusectl fusectl rw', '',
  ].join('\n')), [{ path: '/mnt/a b\\c', source: '127.0.0.1:9400:/x', type: 'fuse.dfs', connection: 55 }])
})

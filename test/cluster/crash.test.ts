import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { Cluster, dropCaches, mounting, must, root, shell, start } from './harness.ts'

/** What was acknowledged: name and hash of each file that was synced and closed before the blow. */
type Acknowledged = Map<string, string>

/**
 * Writes files through the mount until told to stop, in a process of its own: it says a name only after fsync and close
 * have returned.
 */
function recorder(folder: string): { stop: () => Promise<Acknowledged>, acknowledged: Acknowledged, until: (count: number) => Promise<void> } {
  const { child, ended } = start(path.join(root, 'node_modules/node/bin/node'), [
    '--disable-warning=ExperimentalWarning', path.join(root, 'test/cluster/recorder.ts'), folder])
  const acknowledged: Acknowledged = new Map()
  let waiting: { count: number, resolve: () => void } | undefined
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [name = '', hash = ''] = line.split(' ')
      acknowledged.set(name, hash)
    }
    if (waiting !== undefined && acknowledged.size >= waiting.count) waiting.resolve()
  })
  return {
    acknowledged,
    until: count => new Promise((resolve, reject) => {
      waiting = { count, resolve }
      if (acknowledged.size >= count) resolve()
      void ended.then(({ stderr }) => { reject(new Error(`the recorder ended: ${stderr}`)) })
    }),
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      return acknowledged
    },
  }
}

function check(t: Test, folder: string, acknowledged: Acknowledged): void {
  const wrong = [...acknowledged].filter(([name, hash]) =>
    createHash('sha256').update(readFileSync(path.join(folder, name))).digest('hex') !== hash)
  t.strictSame(wrong, [], `all ${String(acknowledged.size)} files that were synced before are there and right`)
}

t.test('kill -9 loses nothing that was synced or closed', mounting, async t => {
  const cluster = await Cluster.up()
  t.teardown(() => cluster.down())
  const { mount } = cluster

  for (const victim of ['master', 'chunkserver-1', 'chunkserver-2']) {
    t.test(`of ${victim}, which then comes back`, async t => {
      const folder = path.join(mount, victim)
      mkdirSync(folder)
      const writing = recorder(folder)
      await writing.until(20)
      await cluster.kill(victim)
      const before = writing.acknowledged.size
      await cluster.start()
      await writing.until(before + 20)
      const acknowledged = await writing.stop()
      await dropCaches()
      check(t, folder, acknowledged)
    })
  }

  t.test('of every process at once, mount included', async t => {
    const folder = path.join(mount, 'all')
    mkdirSync(folder)
    const open = openSync(path.join(mount, 'synced-and-open'), 'w')
    writeSync(open, Buffer.alloc(300_000, 'synced'))
    fsyncSync(open)
    const writing = recorder(folder)
    await writing.until(30)
    const running = cluster.processes().flatMap(({ pid }) => pid ?? [])
    t.equal(running.length, 5, 'there were five to kill')
    for (const pid of running) process.kill(pid, 'SIGKILL')
    const acknowledged = await writing.stop()
    try { closeSync(open) } catch { /* its mount is gone */ }
    await cluster.start()
    check(t, path.join(mount, 'all'), acknowledged)
    t.ok(readFileSync(path.join(mount, 'synced-and-open')).equals(Buffer.alloc(300_000, 'synced')), 'what was synced and still open')
    for (const earlier of ['master', 'chunkserver-1', 'chunkserver-2']) {
      await shell(`cd ${mount}/${earlier} && cat * > /dev/null`)
    }
    await shell(`cd ${mount} && find . -ls > /dev/null && cp -a all again && diff -r all again`)
  })

  t.test('and the data outlives down and up', async t => {
    const before = await shell(`cd ${mount} && find . -type f -exec sha256sum {} + | sort`)
    await must('scripts/cluster', ['down', '--dir', cluster.data])
    t.equal(await shell(`ls -A ${mount}`), '', 'no mount is left')
    await cluster.start()
    t.equal(await shell(`cd ${mount} && find . -type f -exec sha256sum {} + | sort`), before)
  })
})

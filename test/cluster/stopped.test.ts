import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Cluster, dropCaches, eventually, mounting, must, shell, start } from './harness.ts'
import { Ledger } from './ledger.ts'
import { replicasOf } from './replicas.ts'

/**
 * A server that is stopped says nothing and keeps its connections: the worst of all failures to notice. It takes 3 to 4 s;
 * a busy machine adds to that, and one that did not notice would wait for a minute.
 */
const PAUSE_MS_MAX = 30_000

t.test('a chunkserver that hangs costs seconds, and no error', mounting, async t => {
  const cluster = await Cluster.up({ chunkservers: 4, options: ['--chunk-size', '8MiB'] })
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster

  for (const victim of ['primary', 'secondary'] as const) {
    t.test(`the ${victim} of what is being written`, async t => {
      const writing = new Ledger(path.join(mount, victim), path.join(folder, victim))
      await writing.more()
      const stopped = await replicasOf(cluster, path.join(mount, victim, 'blocks-0'), victim)
      const before = writing.pauses.length
      cluster.signal(stopped, 'SIGSTOP')
      await writing.more()
      cluster.signal(stopped, 'SIGCONT')
      await writing.more()
      await writing.stop()
      t.strictSame(writing.errors, [])
      t.ok(writing.pauses.length > before, 'it hung while something was written to it')
      t.ok(writing.longestPauseMs < PAUSE_MS_MAX, `the longest pause was ${String(writing.longestPauseMs)} ms`)
      await dropCaches()
      await writing.check()
    })
  }

  t.test('one that is read from: the next is asked', async t => {
    await shell(`head -c 60000000 /dev/urandom > ${folder}/source && cp ${folder}/source ${mount}/source && sync ${mount}/source`)
    await dropCaches()
    const stopped = await replicasOf(cluster, path.join(mount, 'source'), 'nearest')
    const startedMs = Date.now()
    cluster.signal(stopped, 'SIGSTOP')
    const { code } = await start('cmp', [path.join(folder, 'source'), path.join(mount, 'source')]).ended
    cluster.signal(stopped, 'SIGCONT')
    t.equal(code, 0, 'every byte is right')
    t.ok(Date.now() - startedMs < PAUSE_MS_MAX, `it took ${String(Date.now() - startedMs)} ms`)
  })

  t.test('the master: calls wait and go on', async t => {
    const writing = new Ledger(path.join(mount, 'master'), path.join(folder, 'master'))
    await writing.more()
    cluster.signal('master', 'SIGSTOP')
    const making = start('bash', ['-c', `mkdir ${mount}/made && echo done > ${mount}/made/file`])
    await shell('sleep 5')
    cluster.signal('master', 'SIGCONT')
    t.equal((await making.ended).code, 0)
    t.equal(readFileSync(path.join(mount, 'made/file'), 'latin1'), 'done\n')
    await writing.more()
    await writing.stop()
    t.strictSame(writing.errors, [])
    await writing.check()
  })

  t.test('and fio with verification, while one after the other is killed and comes back', async t => {
    const done = path.join(folder, 'done')
    // One round after the other until both have been killed, so that none ends too early; the last is a whole one without.
    const testing = start('bash', ['-euc', `last=0; while [ $last = 0 ]; do if [ -e ${done} ]; then last=1; fi;`
      + ` fio --name=chaos --directory=${mount} --rw=randwrite --bs=64k --size=8m --fsync=16 --thread --minimal`
      + ' --verify=crc32c --verify_fatal=1 --verify_state_save=0 --do_verify=1; done'])
    for (const victim of ['chunkserver-1', 'chunkserver-2']) {
      const file = path.join(mount, 'chaos.0.0')
      const beforeMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
      await eventually('fio is writing', async () => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > beforeMs || undefined)
      await cluster.kill(victim)
      await cluster.start()
    }
    writeFileSync(done, '')
    const { code, stderr } = await testing.ended
    t.strictSame([code, stderr], [0, ''])
  })

  t.test('and everything is readable in the end', async () => {
    await must('bash', ['-c', `find ${mount} -type f -exec cat {} + | wc -c`])
  })
})

import path from 'node:path'
import t from 'tap'
import { Cluster, dropCaches, mounting, must, shell, start } from './harness.ts'
import { Ledger } from './ledger.ts'

t.test('when few chunkservers are left, or none', mounting, async t => {
  const cluster = await Cluster.up({ options: ['--chunk-size', '1MiB'] })
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster
  const writing = new Ledger(path.join(mount, 'ledger'), path.join(folder, 'ledger'))
  t.teardown(() => writing.stop('SIGKILL'))
  await shell(`head -c 3000000 /dev/urandom > ${folder}/source && cp ${folder}/source ${mount}/before && sync ${mount}/before`)

  t.test('two of three are killed at once: writing goes on with the last one', async t => {
    await writing.more()
    await Promise.all([cluster.kill('chunkserver-1'), cluster.kill('chunkserver-2')])
    await writing.more()
    t.strictSame(writing.errors, [])
    t.ok(writing.longestPauseMs < 15_000, `the longest pause was ${String(writing.longestPauseMs)} ms`)
    await dropCaches()
    await must('cmp', [`${folder}/source`, `${mount}/before`])
  })

  t.test('the last one too: reads and writes wait, and go on without a remount when servers come back', async t => {
    await dropCaches()
    await cluster.kill('chunkserver-3')
    const reading = start('cmp', [path.join(folder, 'source'), path.join(mount, 'before')])
    await shell('sleep 3')
    t.equal(reading.child.exitCode, null, 'the read waits')
    await cluster.start()
    t.strictSame(await reading.ended, { code: 0, stdout: '', stderr: '' })
    await writing.more()
    await writing.stop()
    t.strictSame(writing.errors, [])
    await dropCaches()
    t.match(await writing.check(), /"wrong":\[\]/)
  })
})

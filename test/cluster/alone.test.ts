import { closeSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Cluster, dropCaches, mounting, must, run, shell, start } from './harness.ts'
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

  t.test('the last one too: reads and writes wait a minute, then fail with EIO, and the log says why', async t => {
    await dropCaches()
    const startedMs = Date.now()
    await cluster.kill('chunkserver-3')
    const failed = writing.error()
    const reading = run('cat', [path.join(mount, 'before')])
    const { code, stderr } = await reading
    const tookMs = Date.now() - startedMs
    t.equal(code, 1)
    t.match(stderr, /Input\/output error/)
    t.ok(tookMs > 50_000 && tookMs < 90_000, `a read failed after ${String(tookMs)} ms`)
    await failed
    t.strictSame([...new Set(writing.errors)], ['EIO'])
    t.match(await shell(`cat ${cluster.data}/logs/mount.log`), /no replica/, 'the log of the mount names the cause')
  })

  t.test('they come back: everything works again without a remount', async t => {
    const waiting = start('cat', [path.join(mount, 'before')])
    await cluster.start()
    t.equal((await waiting.ended).code, 0, 'a read that waited goes on')
    await must('cmp', [`${folder}/source`, `${mount}/before`])
    await writing.more()
    await writing.stop()
    await dropCaches()
    t.match(await writing.check(), /"wrong":\[\]/)
    const file = openSync(path.join(mount, 'before'), 'r')
    t.equal(readSync(file, Buffer.alloc(10)), 10)
    closeSync(file)
  })
})

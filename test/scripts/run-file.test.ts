import t, { type Test } from 'tap'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { countAll, fileLines, lastLine } from '../../scripts/testing/report.ts'
import { isGood, runFile, type FileResult } from '../../scripts/testing/run-file.ts'

const tap = import.meta.resolve('tap')

async function run(t: Test, body: string, deadlineMs = 30_000): Promise<FileResult> {
  const file = join(t.testdir(), 'some.test.ts')
  writeFileSync(file, `import t from '${tap}'\n${body}`)
  return runFile(file, { deadlineMs })
}

t.test('a good file counts its assertions and itself', async t => {
  const result = await run(t, "t.ok(1); t.test('in', async t => { t.ok(1); t.test('deep', async t => { t.ok(1) }) })")
  t.ok(isGood(result), fileLines(result))
  t.strictSame(countAll([], [result]), { passed: 4, failed: 0, skipped: 0 })
})

t.test('a failed assertion counts once, however deep it lies', async t => {
  const result = await run(t, "t.test('in', async t => { t.test('deep', async t => { t.ok(1); t.equal(1, 2, 'one is two') }) })")
  t.strictSame(result.failures.map(failure => failure.name), ['in > deep > one is two'])
  t.strictSame(result.trouble, [], 'the exit code of tap says nothing new')
  t.strictSame(countAll([], [result]), { passed: 1, failed: 2, skipped: 0 }, 'the assertion and the file')
  t.match(fileLines(result), /one is two/)
})

t.test('a test that throws is a failure', async t => {
  const result = await run(t, "t.test('in', async () => { throw new Error('oh no') })")
  t.equal(result.failures.length, 1)
  t.match(fileLines(result), /oh no/)
})

t.test('a file that crashes before its end is a failure, with its standard error', async t => {
  const result = await run(t, "t.ok(1); console.error('last words'); process.kill(process.pid, 'SIGKILL')")
  t.notOk(isGood(result))
  t.match(fileLines(result), /ended by SIGKILL[^]*last words/)
  t.equal(countAll([], [result]).failed, 1)
})

t.test('a file that leaves early with exit code 0 is a failure', async t => {
  const result = await run(t, `
    import { writeSync } from 'node:fs'
    writeSync(1, 'TAP version 14\\n1..3\\nok 1\\n')
    process.reallyExit(0)`)
  t.notOk(isGood(result), 'two of three planned tests never ran')
})

t.test('a file that does not parse is a failure', async t => {
  const result = await run(t, 'this is no program')
  t.notOk(isGood(result))
})

t.test('a file that tests nothing is a failure', async t => {
  const result = await run(t, '')
  t.notOk(isGood(result), fileLines(result))
})

t.test('a file that hangs is ended at its deadline and is a failure', async t => {
  const result = await run(t, `
    setInterval(() => {}, 1000)
    t.test('waits for ever', async () => { await new Promise(() => {}) })`, 1_500)
  t.notOk(isGood(result))
  t.match(result.trouble, ['not done after 1.5 s'])
})

t.test('skipped tests are neither passed nor failed', async t => {
  const result = await run(t, "t.ok(1); t.skip('later'); t.test('todo', { todo: true }, async () => {})")
  t.strictSame(countAll([], [result]), { passed: 2, failed: 0, skipped: 2 })
  t.equal(lastLine({ passed: 2, failed: 0, skipped: 2 }), '2 passed, 0 failed, 2 skipped')
  t.equal(lastLine({ passed: 2, failed: 1, skipped: 0 }), '2 passed, 1 failed')
})

t.test('a process left behind, even in a session of its own, is ended; so is the temporary folder', async t => {
  const result = await run(t, `
    import { spawn } from 'node:child_process'
    import { tmpdir } from 'node:os'
    import { writeFileSync } from 'node:fs'
    const child = spawn('sleep', ['1000'], { detached: true, stdio: 'inherit' })
    child.unref()
    writeFileSync('${join(t.testdirName, 'told')}', JSON.stringify({ pid: child.pid, folder: tmpdir() }))
    t.ok(child.pid)`)
  t.ok(isGood(result), fileLines(result))
  const told: unknown = JSON.parse(readFileSync(join(t.testdirName, 'told'), 'utf8'))
  t.match(told, { pid: Number, folder: /dfs-test-/ })
  const { pid, folder } = told as { pid: number, folder: string }
  t.match(result.left, [`sleep (${String(pid)})`])
  t.notOk(existsSync(folder), 'its folder is gone')
  t.notOk(existsSync(`/proc/${String(pid)}/fd/0`), 'the process is gone (or a zombie of whoever is process 1)')
})

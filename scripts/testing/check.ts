import { spawn } from 'node:child_process'
import type { CheckResult } from './report.ts'

/** A tool that is given this long has hung, in ms. */
const CHECK_MS_MAX = 600_000

/** Runs a tool of the project on the Node that runs us; it is good where it exits with 0. */
export async function runCheck(name: string, root: string, args: readonly string[]): Promise<CheckResult> {
  const startedMs = Date.now()
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: CHECK_MS_MAX })
  let output = ''
  const add = (text: Buffer): void => { output += text.toString() }
  child.stdout.on('data', add)
  child.stderr.on('data', add)
  const ok = await new Promise<boolean>(resolve => {
    child.on('error', error => {
      output += error.message
      resolve(false)
    })
    child.on('close', code => { resolve(code === 0) })
  })
  return { name, ok, seconds: (Date.now() - startedMs) / 1_000, output }
}

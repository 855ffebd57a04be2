import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fuseMountAt } from './mounts.ts'

/** An answer that takes longer is none, in ms. */
const ANSWER_MS_MAX = 10_000

/** Runs a program to its end or its deadline; true where it exits with 0. A mount must not be asked from within: it may hang us. */
function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise(resolve => {
    const child = spawn(command, args, { stdio: 'ignore', timeout: ANSWER_MS_MAX, killSignal: 'SIGKILL' })
    child.on('error', () => { resolve(false) })
    child.on('close', code => { resolve(code === 0) })
  })
}

/** Whether a FUSE file system is mounted at the path and answers. */
export async function mountAnswers(path: string): Promise<boolean> {
  return fuseMountAt(path) !== undefined && await succeeds('stat', [path]) && await succeeds('stat', ['-f', path])
}

/** Takes away mounts whose server has gone or does not react: everyone waiting for them gets an error, and goes on. */
export async function forceUnmount(path: string): Promise<void> {
  for (let mount = fuseMountAt(path); mount !== undefined; mount = fuseMountAt(path)) {
    try {
      writeFileSync(`/sys/fs/fuse/connections/${String(mount.connection)}/abort`, '1')
    } catch {
      // The connection has ended with its server, or is not ours to abort.
    }
    if (!await succeeds('umount', ['-l', path]) && !await succeeds('fusermount3', ['-u', '-z', path])) {
      throw new Error(`${path} cannot be unmounted`)
    }
  }
}

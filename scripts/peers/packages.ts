import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Needed {
  packages: readonly string[]
  /** Programs that are there where the packages are installed. */
  programs: readonly string[]
}

const PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Whether the machine has a program. */
export const isInstalled = (program: string): boolean => PATH.some(folder => existsSync(join(folder, program)))

/**
 * Gets Debian's packages, with all they need, and unpacks them in a folder. Nothing is installed: no script of a package
 * runs, no service starts, and the machine's own files stay as they are.
 * @returns the folder; undefined where all programs are installed already
 * @throws Error saying what to do where a package cannot be had; the signal's reason
 */
export async function unpackedPackages(
  needed: readonly Needed[], folder: string, signal: AbortSignal,
): Promise<string | undefined> {
  const run = (program: string, args: readonly string[]): Promise<unknown> => promisify(execFile)(program, args, {
    signal, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  const missing = needed.filter(({ programs }) => !programs.every(isInstalled)).flatMap(({ packages }) => packages)
  if (missing.length === 0) return undefined
  const archives = join(folder, 'archives')
  const unpacked = join(folder, 'unpacked')
  mkdirSync(join(archives, 'partial'), { recursive: true })
  try {
    await run('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', '--download-only',
      '-o', `Dir::Cache::archives=${archives}`, ...missing])
  } catch (error) {
    signal.throwIfAborted()
    throw new Error(`Debian's ${missing.join(', ')} cannot be had (is this Debian? try apt-get update):\n${said(error)}`)
  }
  for (const name of readdirSync(archives).filter(each => each.endsWith('.deb'))) {
    await run('dpkg-deb', ['--extract', join(archives, name), unpacked])
  }
  rmSync(archives, { recursive: true })
  // The machine's /sbin and /lib are links into /usr, and these lie over its /usr.
  for (const name of ['bin', 'sbin', 'lib', 'lib64'].filter(each => existsSync(join(unpacked, each)))) {
    cpSync(join(unpacked, name), join(unpacked, 'usr', name), { recursive: true, verbatimSymlinks: true })
  }
  return unpacked
}

function said(error: unknown): string {
  return error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
}

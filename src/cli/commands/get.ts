import fs from 'node:fs'
import { Command } from 'commander'
import type { Attributes, Paths } from '../../client/index.ts'
import { DfsError } from '../../protocol/errors.ts'
import { UsageError, type Context } from '../context.ts'
import { joined, lastName } from '../copy/destination.ts'
import { Lanes } from '../copy/lanes.ts'
import { progressFor, type Progress } from '../copy/progress.ts'
import type { Runner } from '../program.ts'

interface Options { recursive?: boolean, preserve?: boolean, master?: string }

const FILES_AT_ONCE = 8

export function getCommand(run: Runner): Command {
  return new Command('get').description('copy files of the cluster to this machine')
    .argument('<PATH...>', 'files of the cluster, and last the place here they go to').usage('[options] PATH... LOCAL')
    .option('-r, --recursive', 'directories with all that is in them')
    .option('-p, --preserve', 'keep the times')
    .action((given: string[], options: Options) => run(options, async context => {
      const target = given.at(-1)
      const sources = given.slice(0, -1)
      if (target === undefined || sources.length === 0) throw new UsageError('get: PATH and LOCAL are both needed')
      const intoFolder = fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() === true
      if (sources.length > 1 && !intoFolder) throw new UsageError(`${target}: several files need a directory to go to`)
      const progress = progressFor(context.machine, 'get')
      for (const source of sources) {
        await context.attempt(source, async () => {
          const { paths, path } = await context.at(source)
          const local = Buffer.from(target)
          const getting = new Getting(context, paths, options, progress)
          await getting.get(path, await paths.stat(path), intoFolder ? joined(local, lastName(path)) : local)
        })
      }
      progress.end()
    }))
}

/** Copies files, links and directories; what fails is told, and the rest goes on. */
class Getting {
  readonly #context: Context
  readonly #paths: Paths
  readonly #options: Options
  readonly #progress: Progress
  readonly #lanes = new Lanes(FILES_AT_ONCE)

  constructor(context: Context, paths: Paths, options: Options, progress: Progress) {
    this.#context = context
    this.#paths = paths
    this.#options = options
    this.#progress = progress
  }

  async get(remote: Buffer, found: Attributes, local: Buffer): Promise<void> {
    if (found.type === 'directory') await this.#directory(remote, found, local)
    else if (found.type === 'symlink') await this.#link(remote, local)
    else if (found.type === 'file') await this.#lanes.run(() => this.#file(remote, found, local))
    else throw new DfsError('not-supported', 'neither a file nor a directory nor a link')
    if (this.#options.preserve === true && found.type !== 'symlink') {
      await fs.promises.utimes(local, secondsOf(found.accessedNs), secondsOf(found.modifiedNs))
    }
  }

  async #directory(remote: Buffer, found: Attributes, local: Buffer): Promise<void> {
    if (this.#options.recursive !== true) throw new DfsError('invalid', 'a directory: -r copies it')
    await fs.promises.mkdir(local, { recursive: true })
    const entries = await this.#paths.list(remote)
    await Promise.all(entries.map(({ name, attributes }) => {
      const from = joined(remote, name)
      return this.#context.attempt(from.toString(), () => this.get(from, attributes, joined(local, name)))
    }))
    await fs.promises.chmod(local, found.mode & 0o777 & ~this.#context.machine.umask)
  }

  async #link(remote: Buffer, local: Buffer): Promise<void> {
    const target = Buffer.from(await this.#paths.readLink(remote), 'latin1')
    await fs.promises.rm(local, { force: true })
    await fs.promises.symlink(target, local)
  }

  async #file(remote: Buffer, found: Attributes, local: Buffer): Promise<void> {
    this.#progress.expect(found.sizeBytes)
    const file = await fs.promises.open(local, 'w', found.mode & 0o777)
    try {
      for await (const piece of this.#paths.read(remote)) {
        await file.writeFile(piece)
        this.#progress.advance(piece.length)
      }
    } finally {
      await file.close()
    }
  }
}

function secondsOf(ns: bigint): number {
  return Number(ns) / 1e9
}

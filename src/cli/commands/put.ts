import fs from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import type { Paths } from '../../client/index.ts'
import { DfsError, isError } from '../../protocol/errors.ts'
import { UsageError, type Context } from '../context.ts'
import { insideOf, joined } from '../copy/destination.ts'
import { Lanes } from '../copy/lanes.ts'
import { progressFor, type Progress } from '../copy/progress.ts'
import type { Runner } from '../program.ts'

interface Options { recursive?: boolean, preserve?: boolean, master?: string }

const FILES_AT_ONCE = 8
const PIECE_BYTES = 1024 * 1024

export function putCommand(run: Runner): Command {
  return new Command('put').description('copy files of this machine into the cluster')
    .argument('<LOCAL...>', 'files here, and last the PATH they go to').usage('[options] LOCAL... PATH')
    .option('-r, --recursive', 'directories with all that is in them')
    .option('-p, --preserve', 'keep the times')
    .action((given: string[], options: Options) => run(options, async context => {
      const target = given.at(-1)
      const sources = given.slice(0, -1)
      if (target === undefined || sources.length === 0) throw new UsageError('put: LOCAL and PATH are both needed')
      const located = await context.at(target)
      if (sources.length > 1) await located.paths.directory(located.path)
      const progress = progressFor(context.machine, 'put')
      const putting = new Putting(context, located.paths, options, progress)
      for (const source of sources) {
        await context.attempt(source, async () => {
          const local = Buffer.from(source)
          await putting.put(local, await insideOf(located, Buffer.from(path.resolve(source))), 'follow')
        })
      }
      progress.end()
    }))
}

/** Copies files, links and directories; what fails is told, and the rest goes on. */
class Putting {
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

  /** @param links named by the user they are followed; those found on the way are copied as links */
  async put(local: Buffer, remote: Buffer, links: 'follow' | 'keep'): Promise<void> {
    const found = await (links === 'follow' ? fs.promises.stat : fs.promises.lstat)(local, { bigint: true })
    const mode = Number(found.mode & 0o777n) & ~this.#context.machine.umask
    if (found.isDirectory()) await this.#directory(local, remote, mode)
    else if (found.isSymbolicLink()) await this.#link(local, remote)
    else if (found.isFile()) await this.#lanes.run(() => this.#file(local, remote, mode, Number(found.size)))
    else throw new DfsError('not-supported', 'neither a file nor a directory nor a link')
    if (this.#options.preserve === true && !found.isSymbolicLink()) {
      await this.#paths.setAttributes(remote, { accessedNs: found.atimeNs, modifiedNs: found.mtimeNs })
    }
  }

  async #directory(local: Buffer, remote: Buffer, mode: number): Promise<void> {
    if (this.#options.recursive !== true) throw new DfsError('invalid', 'a directory: -r copies it')
    // Until everything is in it, the owner must be able to write there.
    if ((await this.#paths.find(remote))?.type !== 'directory') await this.#paths.mkdir(remote, { mode: mode | 0o700 })
    const names = await fs.promises.readdir(local, { encoding: 'buffer' })
    await Promise.all(names.map(name => {
      const from = Buffer.concat([local, Buffer.from('/'), name])
      return this.#context.attempt(from.toString(), () => this.put(from, joined(remote, name), 'keep'))
    }))
    if ((mode & 0o700) !== 0o700) await this.#paths.setAttributes(remote, { mode })
  }

  async #link(local: Buffer, remote: Buffer): Promise<void> {
    const target = await fs.promises.readlink(local, { encoding: 'buffer' })
    try {
      await this.#paths.symlink(target, remote)
    } catch (error) {
      if (!isError(error, 'already-exists')) throw error
      await this.#paths.remove(remote)
      await this.#paths.symlink(target, remote)
    }
  }

  async #file(local: Buffer, remote: Buffer, mode: number, sizeBytes: number): Promise<void> {
    this.#progress.expect(sizeBytes)
    const progress = this.#progress
    const pieces = async function * (): AsyncGenerator<Buffer> {
      for await (const piece of fs.createReadStream(local, { highWaterMark: PIECE_BYTES })) {
        const bytes = piece as Buffer
        yield bytes
        progress.advance(bytes.length)
      }
    }
    await this.#paths.write(remote, pieces(), mode)
  }
}

import { Command } from 'commander'
import type { Attributes } from '../../protocol/attributes.ts'
import { textOf } from '../../protocol/names.ts'
import type { Context, Located } from '../context.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { modeText, timeText } from '../wording.ts'
import { attributesJson, nameJson } from './stat.ts'

interface Options { long?: boolean, directory?: boolean, json?: boolean, master?: string }

/** One line of a listing; names are bytes, and come out as they are. */
interface Listed {
  name: string
  attributes: Attributes
  target: string | undefined
}

export function lsCommand(run: Runner): Command {
  return new Command('ls').description('list directories').argument('[PATH...]')
    .option('-l, --long', 'mode, links, owner, group, size and time of each')
    .option('-d, --directory', 'directories themselves instead of what is in them')
    .option('--json', 'for scripts')
    .action((given: string[], options: Options) => run(options, async context => {
      const all = given.length === 0 ? [context.defaultPath()] : given
      for (const [at, path] of all.entries()) {
        await context.attempt(path, async () => {
          const listed = await list(await context.at(path), options)
          if (options.json === true) {
            await context.printJson(listed.map(({ name, attributes, target }) => ({
              ...nameJson(name), ...attributesJson(attributes), ...(target === undefined ? {} : { target: textOf(target) }),
            })))
            return
          }
          if (all.length > 1) await context.print(`${at > 0 ? '\n' : ''}${path}:\n`)
          await show(context, listed, options)
        })
      }
    }))
}

async function list({ paths, path, shown }: Located, options: Options): Promise<Listed[]> {
  const found = await (options.directory === true ? paths.lstat(path) : paths.stat(path))
  const single = found.type !== 'directory' || options.directory === true
  const entries = single
    ? [{ name: Buffer.from(shown).toString('latin1'), attributes: found, at: path }]
    : (await paths.list(path)).map(entry => ({
        ...entry, at: Buffer.concat([path, Buffer.from(`/${entry.name}`, 'latin1')]),
      }))
  entries.sort((one, other) => one.name < other.name ? -1 : Number(one.name > other.name))
  const wantsTargets = options.long === true || options.json === true
  return Promise.all(entries.map(async ({ name, attributes, at }) => ({
    name,
    attributes,
    target: wantsTargets && attributes.type === 'symlink' ? await paths.readLink(at) : undefined,
  })))
}

async function show(context: Context, listed: Listed[], { long }: Options): Promise<void> {
  const rows = listed.map(({ name, attributes, target }) => long !== true ? [name] : [
    modeText(attributes.type, attributes.mode), String(attributes.links), String(attributes.uid), String(attributes.gid),
    String(attributes.sizeBytes), timeText(attributes.modifiedNs), target === undefined ? name : `${name} -> ${target}`,
  ])
  const lines = long === true ? table(rows, ['left', 'right', 'right', 'right', 'right', 'left']) : rows.map(String)
  if (lines.length > 0) await context.print(Buffer.from(`${lines.join('\n')}\n`, 'latin1'))
}

import { Command } from 'commander'
import type { Attributes } from '../../protocol/attributes.ts'
import { bytesOfText, textOf } from '../../protocol/names.ts'
import type { Runner } from '../program.ts'
import { table } from '../table.ts'
import { modeText, sizeText, timeText } from '../wording.ts'

interface Options { json?: boolean, master?: string }

export function statCommand(run: Runner): Command {
  return new Command('stat').description('show all attributes of files').argument('<PATH...>')
    .option('--json', 'for scripts')
    .action((given: string[], options: Options) => run(options, async context => {
      for (const each of given) {
        await context.attempt(each, async () => {
          const { paths, path } = await context.at(each)
          const attributes = await paths.lstat(path)
          if (options.json === true) await context.printJson({ path: each, ...attributesJson(attributes) })
          else await context.printLines(lines(each, attributes))
        })
      }
    }))
}

function lines(path: string, attributes: Attributes): string[] {
  const { type, mode, sizeBytes, allocatedBytes } = attributes
  return table([
    ['path', path],
    ['type', type],
    ['inode', String(attributes.inode)],
    ['size', `${String(sizeBytes)} (${sizeText(sizeBytes)}), ${sizeText(allocatedBytes)} allocated`],
    ['chunk size', sizeText(attributes.chunkSizeBytes)],
    ['mode', `${modeText(type, mode)} (${mode.toString(8).padStart(4, '0')})`],
    ['links', String(attributes.links)],
    ['owner', `${String(attributes.uid)}:${String(attributes.gid)}`],
    ['accessed', timeText(attributes.accessedNs)],
    ['modified', timeText(attributes.modifiedNs)],
    ['changed', timeText(attributes.changedNs)],
  ])
}

/** Attributes as scripts read them: times in ns as text, for they do not fit into a double. */
export function attributesJson(attributes: Attributes): object {
  const { accessedNs, modifiedNs, changedNs, mode, ...others } = attributes
  return {
    ...others,
    mode: mode.toString(8).padStart(4, '0'),
    accessedNs: accessedNs.toString(),
    modifiedNs: modifiedNs.toString(),
    changedNs: changedNs.toString(),
  }
}

/** A name as text; beside it the bytes where they are not UTF-8. */
export function nameJson(name: string): { name: string, nameBase64?: string } {
  const { text, base64 } = bytesJson(name)
  return base64 === undefined ? { name: text } : { name: text, nameBase64: base64 }
}

/** The same of a path. */
export function pathJson(path: string): { path: string, pathBase64?: string } {
  const { text, base64 } = bytesJson(path)
  return base64 === undefined ? { path: text } : { path: text, pathBase64: base64 }
}

function bytesJson(bytes: string): { text: string, base64?: string } {
  const text = textOf(bytes)
  return bytesOfText(text) === bytes ? { text } : { text, base64: Buffer.from(bytes, 'latin1').toString('base64') }
}

import { bytesOfText, type Name } from '../../protocol/names.ts'

/** What is mounted: which cluster, and which directory of it. */
export interface Source {
  /** HOST:PORT each. */
  masters: string[]
  /** Names from the root of the file system down to the directory shown; none for the root. */
  path: Name[]
  /** How mount tables show it, and how tools under the mount find the masters: HOST:PORT[,HOST:PORT][:/DIRECTORY]. */
  text: string
}

/** Reads MASTER[,MASTER…][:/subdir]. @throws Error with a sentence for the user */
export function parseSource(text: string): Source {
  const slash = text.indexOf(':/')
  const addresses = slash === -1 ? text : text.slice(0, slash)
  const masters = addresses.split(',')
  for (const master of masters) {
    if (!isAddress(master)) throw new Error(`'${master}' is no master: expected HOST:PORT[,HOST:PORT…][:/DIRECTORY]`)
  }
  const names = slash === -1 ? [] : text.slice(slash + 1).split('/').filter(name => name !== '' && name !== '.')
  if (names.includes('..')) throw new Error(`'${text}': the directory to mount must not contain '..'`)
  return {
    masters,
    path: names.map(name => bytesOfText(name) as Name),
    text: names.length === 0 ? addresses : `${addresses}:/${names.join('/')}`,
  }
}

function isAddress(text: string): boolean {
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:,/[\]]+):(\d{1,5})$/.exec(text)?.[1]
  return port !== undefined && Number(port) > 0 && Number(port) < 65_536
}

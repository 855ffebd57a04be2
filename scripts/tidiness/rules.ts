/** A thing that has no place in some files, and what to do instead. */
export interface Rule {
  ban: RegExp
  /** Looks at comments too. */
  inComments?: true
  where: RegExp
  use: string
}

/**
 * Source that may touch the outside world: the seams, the kernel's device, programs for people. The others get clock,
 * random, disk, network and log passed in, so that a whole cluster can run from a seed.
 */
const INSIDE = /^src\/(?!seams\/|cli\/|fuse\/(?:kernel|fuse-native|command)\/)/

export const lineRules: readonly Rule[] = [
  { ban: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, where: INSIDE, use: 'the Clock passed to the constructor' },
  {
    ban: /(?<![.\w])set(?:Timeout|Interval)\(|from 'node:timers/, where: INSIDE,
    use: 'the Clock passed to the constructor',
  },
  { ban: /\bMath\.random\(|\brandom(?:UUID|Bytes|Int)\(/, where: INSIDE, use: 'the Random passed to the constructor' },
  { ban: /\bconsole\.\w+\(/, where: /^src\/(?!cli\/)/, use: 'the Log passed to the constructor' },
  { ban: /\bprocess\.(?:stdout|stderr|exit\()/, where: INSIDE, use: 'the Log, or an error for the caller' },
  {
    // LMDB brings its own files; the master's state is the one place that opens it.
    ban: /from '(?:node:)?fs(?:\/promises)?'/, where: /^src\/(?!seams\/|cli\/|fuse\/|master\/state\/)/,
    use: 'the Disk passed to the constructor',
  },
  { ban: /from '(?:node:)?(?:net|http|https|dgram)'|from 'ws'/, where: INSIDE, use: 'the Network passed to the constructor' },
  { ban: /@ts-(?:ignore|nocheck|expect-error)/, inComments: true, where: /^(?:src|bin|scripts)\//, use: 'types that say what is so' },
  { ban: /\bas any\b|: any\b|<any>/, where: /^(?:src|bin|scripts|test)\/.*\.ts$/, use: 'unknown, narrowed where it is used' },
  { ban: /\b(?:TODO|FIXME|XXX)\b/, inComments: true, where: /^(?:src|bin|scripts)\//, use: 'an issue' },
  { ban: /[ \t]+$/, inComments: true, where: /./, use: 'no space at the end of a line' },
  {
    ban: /^.{133,}$/, inComments: true, where: /^(?:src|bin|scripts|test\/chaos)\/.*\.ts$/,
    use: 'lines of about 120 characters, 132 at the most',
  },
  { ban: /[\w)\]'`};];$/, where: /^(?:src|bin|scripts)\/.*\.ts$/, use: 'no semicolon at the end of a line' },
]

export const pathRules: readonly Rule[] = [
  { ban: /(?:^|\/)(?:utils?|common|helpers?|misc)(?:\/|\.)/, where: /./, use: 'a folder or file named after its subject' },
  { ban: /[A-Z_ ][^/]*\.ts$/, where: /\.ts$/, use: 'small letters and hyphens in file names' },
]

/** Files are one idea each; beyond the first number of lines they probably are not, beyond the second surely. */
export const fileLines = { warnAbove: 400, errorAbove: 600 } as const

/** What the files of a part may import, beside their own part. Imports point one way. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  seams: [],
  protocol: ['seams'],
  master: ['protocol', 'seams'],
  chunkserver: ['protocol', 'seams'],
  client: ['protocol', 'seams'],
  fuse: ['client', 'protocol', 'seams'],
  cli: ['client', 'protocol', 'seams'],
}

/** Imports against the direction that are meant. */
export const importExceptions: readonly { from: RegExp, to: RegExp, because: string }[] = [
  {
    from: /^src\/(?:fuse\/command|master|chunkserver)\//, to: /^src\/cli\/daemon\.ts$/,
    because: 'every program starts, logs and stops alike',
  },
]

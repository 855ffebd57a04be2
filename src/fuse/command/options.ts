/** What `-o` may say. */
export interface MountOptions {
  readOnly: boolean
  /** Absent: for root, yes. */
  allowOther: boolean | undefined
  driver: 'kernel' | 'fuse-native' | undefined
  /** Where a mount in the background writes its log. */
  logFile: string | undefined
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** The machine's name as chunkservers on it give it: their replicas are read first. */
  host: string | undefined
  /** How long reads and writes wait for servers before they fail with EIO. */
  patienceMs: number | undefined
  /** For mount(8) and the kernel. */
  forKernel: string[]
}

/** Options of mount(8) that the kernel is to have. */
const kernelOptions = new Set([
  'dev', 'nodev', 'suid', 'nosuid', 'exec', 'noexec', 'atime', 'noatime', 'diratime', 'nodiratime', 'relatime',
  'norelatime', 'strictatime', 'nostrictatime', 'sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'nosymfollow',
])

/** Options that mean something to others, in /etc/fstab above all. */
const ignoredOptions = new Set([
  'defaults', 'auto', 'noauto', 'user', 'nouser', 'users', 'owner', 'group', '_netdev', 'nofail', 'loud', 'silent',
  'default_permissions', 'mand', 'nomand', 'iversion', 'noiversion',
])

/** Reads every `-o` list. @throws Error with a sentence for the user */
export function parseOptions(lists: readonly string[]): MountOptions {
  const options: MountOptions = {
    readOnly: false, allowOther: undefined, driver: undefined, logFile: undefined, logLevel: 'info',
    host: undefined, patienceMs: undefined, forKernel: [],
  }
  for (const option of lists.flatMap(list => list.split(',')).filter(option => option !== '')) {
    const equals = option.indexOf('=')
    const key = equals === -1 ? option : option.slice(0, equals)
    const value = equals === -1 ? undefined : option.slice(equals + 1)
    read(options, key, value)
  }
  if (options.readOnly) options.forKernel.push('ro')
  return options
}

function read(options: MountOptions, key: string, value: string | undefined): void {
  switch (key) {
    case 'ro': options.readOnly = true; return
    case 'rw': options.readOnly = false; return
    case 'allow_other': options.allowOther = true; return
    case 'noallow_other': options.allowOther = false; return
    case 'driver': options.driver = oneOf(key, value, ['kernel', 'fuse-native']); return
    case 'log': options.logFile = needed(key, value); return
    case 'log_level': options.logLevel = oneOf(key, value, ['debug', 'info', 'warn', 'error']); return
    case 'host': options.host = needed(key, value); return
    case 'patience': options.patienceMs = seconds(key, value) * 1_000; return
  }
  if (kernelOptions.has(key)) options.forKernel.push(key)
  else if (!ignoredOptions.has(key) && !key.startsWith('x-') && key !== 'comment') {
    throw new Error(`unknown mount option '${key}'`)
  }
}

function needed(key: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Error(`mount option '${key}' needs a value`)
  return value
}

/** At least one, so that no hiccup is an error. */
function seconds(key: string, value: string | undefined): number {
  const found = /^[1-9]\d{0,6}$/.test(value ?? '') ? Number(value) : undefined
  if (found === undefined) throw new Error(`mount option '${key}' is a whole number of seconds, 1 or more`)
  return found
}

function oneOf<const Choice extends string>(key: string, value: string | undefined, choices: readonly Choice[]): Choice {
  const found = choices.find(choice => choice === value)
  if (found === undefined) throw new Error(`mount option '${key}' is one of ${choices.join(', ')}`)
  return found
}

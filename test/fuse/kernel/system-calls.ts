import { runToEnd } from './mounted.ts'

/* System calls that Node does not offer, made by Perl, which every Debian has. */

const numbers = {
  x64: {
    setxattr: 188, getxattr: 191, listxattr: 194, removexattr: 197, fallocate: 285, renameat2: 316, copyFileRange: 326,
    lseek: 8, mknod: 133,
  },
  arm64: {
    setxattr: 5, getxattr: 8, listxattr: 11, removexattr: 14, fallocate: 47, renameat2: 276, copyFileRange: 285,
    lseek: 62, mknod: undefined,
  },
} as const

type CallName = keyof (typeof numbers)['x64']

/** An argument: a number, text, room for an answer of so many bytes, or a file to open (its descriptor is passed). */
export type Argument = number | string | { roomBytes: number } | { open: string, flags: number }

const AT_FDCWD = -100
export const currentDirectory: Argument = AT_FDCWD

const script = `
my ($number, @given) = @ARGV; my (@args, @open, @room);
for (@given) {
  my ($kind, $value, $rest) = split /:/, $_, 3;
  if ($kind eq 'n') { push @args, $value + 0 }
  elsif ($kind eq 's') { push @args, pack('H*', $value) }
  elsif ($kind eq 'r') { push @room, scalar @args; push @args, "\\0" x $value }
  else { sysopen(my $file, pack('H*', $rest), $value + 0, 0644) or die "open: $!"; push @open, $file; push @args, fileno($file) }
}
my $result = syscall($number + 0, @args);
my $errno = $result == -1 ? $! + 0 : 0;
print "$result $errno", map({ ' ' . unpack('H*', $args[$_]) } @room), "\\n";
`

export interface CallResult {
  result: number
  errno: number
  /** What was filled in, for each room. */
  rooms: Buffer[]
}

/** Makes one system call in a process of its own. Text is UTF-8, ended by NUL. */
export async function systemCall(name: CallName, ...args: Argument[]): Promise<CallResult> {
  const number = process.arch === 'x64' || process.arch === 'arm64' ? numbers[process.arch][name] : undefined
  if (number === undefined) throw new Error(`no number of ${name} is known for ${process.arch}`)
  const { status, output, errors } = await runToEnd('perl', ['-e', script, String(number), ...args.map(encoded)])
  if (status !== 0) throw new Error(`perl: ${errors}`)
  const [result = '', errno = '', ...rooms] = output.trim().split(' ')
  return { result: Number(result), errno: Number(errno), rooms: rooms.map(room => Buffer.from(room, 'hex')) }
}

function encoded(argument: Argument): string {
  if (typeof argument === 'number') return `n:${String(argument)}`
  if (typeof argument === 'string') return `s:${Buffer.from(argument).toString('hex')}`
  if ('roomBytes' in argument) return `r:${String(argument.roomBytes)}`
  return `f:${String(argument.flags)}:${Buffer.from(argument.open).toString('hex')}`
}

/** How long the firmware of a virtual ConnectX spends on a command while all others wait. */

/**
 * Kinds of firmware commands that may take their own time: create, query and destroy of a DEK or a login, and the
 * others.
 */
export const SERVICES = ['create', 'query', 'destroy', 'other'] as const;
/** What the firmware spends on a command of each kind, in microseconds. */
export type ServiceTimes = Readonly<Record<(typeof SERVICES)[number], number>>;
/**
 * What a NIC was measured to take, us: 16,500 pairs of create and destroy a second, 46,000 commands a second of a mix
 * (ConnectX-6 Dx, TLS DEKs; the kernel series "kTLS, Improve connection rate by using fast update encryption key").
 */
export const SERVICE_PRESETS: Readonly<Record<string, ServiceTimes>> = {
  none: {create: 0, query: 0, destroy: 0, other: 0},
  'connectx-6dx': {create: 31, query: 22, destroy: 30, other: 22},
};

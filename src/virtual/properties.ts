/** What a virtual ConnectX may be like, by name. The order of the names is that of the numbers in its image. */

export const STATES = ['commissioning', 'operational', 'going-to-commissioning'] as const;
export const ENGINES = ['single-block', 'multi-block'] as const;
/** Whether a NIC in wrapped import mode takes logins. */
export type NicState = (typeof STATES)[number];
/** The crypto engines that a virtual ConnectX can have. */
export type Engine = (typeof ENGINES)[number];

export const POLICIES = ['default', 'fips'] as const;
/** Whether a NIC refuses what FIPS 140-3 forbids. */
export type Policy = (typeof POLICIES)[number];

/**
 * How a NIC counts the tweak of data units: as IEEE 1619 says; by 2^64, as we read mlxconfig's
 * AES_XTS_TWEAK_INC_64; or with the bytes of the first one the other way round.
 */
export const TWEAKS = ['ieee-1619', 'inc64', 'reversed'] as const;
/** How a NIC makes the tweak of a data unit. */
export type Tweak = (typeof TWEAKS)[number];

/**
 * Assumptions of docs/virtual-connectx.md, by number, that a virtual ConnectX can be made not to hold to: the others
 * have settings of their own (5: policy, 13: tweak, 17: loopback, 30: devx-registers), or none.
 */
export const CONTRARIES = [1, 2, 4, 6, 7, 8, 9, 10, 12, 15, 16] as const;
/** The number of such an assumption. */
export type Contrary = (typeof CONTRARIES)[number];

export const PORTS = ['active', 'down'] as const;
/** Whether the port of a NIC is up. */
export type PortState = (typeof PORTS)[number];

/** What a virtual ConnectX may be like, by name. The order of the names is that of the numbers in its image. */

export const STATES = ['commissioning', 'operational', 'going-to-commissioning'] as const;
export const ENGINES = ['single-block', 'multi-block'] as const;
export type NicState = (typeof STATES)[number];
export type Engine = (typeof ENGINES)[number];

export const POLICIES = ['default', 'fips'] as const;
export type Policy = (typeof POLICIES)[number];

/**
 * How a NIC counts the tweak of data units: as IEEE 1619 says; in its low 64 bits alone, as mlxconfig's
 * AES_XTS_TWEAK_INC_64 makes it; or with the bytes of the first one the other way round.
 */
export const TWEAKS = ['ieee-1619', 'increment-64', 'reversed'] as const;
export type Tweak = (typeof TWEAKS)[number];

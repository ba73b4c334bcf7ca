/** How far a job is. */

/** Called again and again with how many DEKs are done; the job goes on when what it returns has settled. */
export type OnProgress = (deks: number) => void | Promise<void>;

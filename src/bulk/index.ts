/** What commands use of it. Those that handle one key as well import it when they are to handle many. */

export {editManifest} from './edit.js';
export {Crew} from './jobs/crew.js';
export {addToManifest, newManifest} from './make.js';
export {markManifest} from './mark.js';
export {unwrapStream, wrapStream} from './raw.js';
export {unwrapManifest} from './reveal.js';

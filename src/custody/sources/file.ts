/** `file:PATH`: a regular file that no one else can read, or a named pipe. */
import {nameOf, type Source} from './source.js';

export function sourceOf(path: string, title: string): Source {
  return {name: nameOf(`file:${path}`, path, title), path, isPrivate: true};
}

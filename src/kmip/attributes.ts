/** Attributes of objects, which stand otherwise from KMIP 2.0 on: by tag in one structure, no more by name. */
import {ATTRIBUTES, type AttributeName, TAG, UNINTERPRETED_TEXT} from './tags.js';
import {enumeration, type Item, integer, structure, TYPE, text} from './ttlv.js';

/** 1.4, 2.0 ... */
export interface Version {
  readonly major: number;
  readonly minor: number;
}

/** What an object is, as far as the server tells it. */
export interface ObjectAttributes {
  readonly names: readonly string[];
  readonly groups: readonly string[];
  readonly objectType: number | undefined;
  readonly algorithm: number | undefined;
  /** In bits. */
  readonly length: number | undefined;
  readonly usageMask: number | undefined;
  readonly state: number | undefined;
}

/** Attributes to look for or to make something with: a value each. */
export type Wanted = readonly (readonly [name: AttributeName, value: number | string])[];

/** The items of a request that have `wanted`, to look for: specification 1.4 section 4.9, 2.0 section 6.1.27. */
export function queryItems(wanted: Wanted, {major}: Version): Item[] {
  if (major >= 2) return wanted.length === 0 ? [] : [structure(TAG.attributes, ...wanted.map(byTag))];
  return wanted.map(byName);
}

/** The items of a request that make an object with these: section 4.1, 6.1.7. */
export function templateItems(wanted: Wanted, {major}: Version): Item[] {
  if (major >= 2) return [structure(TAG.attributes, ...wanted.map(byTag))];
  return [structure(TAG.templateAttribute, ...wanted.map(byName))];
}

/** The items of a request that ask for these: section 4.12, 6.1.20. */
export function askItems(names: readonly AttributeName[], {major}: Version): Item[] {
  return names.map((name) =>
    major >= 2
      ? enumeration(TAG.attributeReference, ATTRIBUTES[name][1])
      : text(TAG.attributeName, ATTRIBUTES[name][0]),
  );
}

/** The attributes in the payload of an answer; what is of another type than it should be is not there. */
export function parseAttributes(payload: readonly Item[]): ObjectAttributes {
  const found = payload.flatMap(({tag, value}): Item[] => {
    if (!Array.isArray(value)) return [];
    if (tag === TAG.attributes) return value;
    return tag === TAG.attribute ? named(value) : [];
  });
  const numbers = (tag: number): number | undefined =>
    found.flatMap(({tag: t, value}) => (t === tag && typeof value === 'number' ? value : []))[0];
  const texts = (tag: number): string[] =>
    found.flatMap(({tag: t, value}) => (t === tag && typeof value === 'string' ? value : []));
  return {
    names: found.flatMap(({tag, value}) => (tag === TAG.name && Array.isArray(value) ? nameIn(value) : [])),
    groups: texts(TAG.objectGroup),
    objectType: numbers(TAG.objectType),
    algorithm: numbers(TAG.cryptographicAlgorithm),
    length: numbers(TAG.cryptographicLength),
    usageMask: numbers(TAG.cryptographicUsageMask),
    state: numbers(TAG.state),
  };
}

/** Up to 1.4: a name and a value, which becomes an item with the tag of that name. */
function named(attribute: readonly Item[]): Item[] {
  const name = attribute.find(({tag}) => tag === TAG.attributeName)?.value;
  const value = attribute.find(({tag}) => tag === TAG.attributeValue);
  const [, tag] = Object.values(ATTRIBUTES).find(([text]) => text === name) ?? [];
  return value === undefined || tag === undefined ? [] : [{...value, tag}];
}

function nameIn(value: readonly Item[]): string[] {
  return value.flatMap((item) => (item.tag === TAG.nameValue && item.type === TYPE.text ? item.value : []));
}

function byTag([name, value]: Wanted[number]): Item {
  return valueItem(name, value, ATTRIBUTES[name][1]);
}

function byName([name, value]: Wanted[number]): Item {
  return structure(
    TAG.attribute,
    text(TAG.attributeName, ATTRIBUTES[name][0]),
    valueItem(name, value, TAG.attributeValue),
  );
}

function valueItem(name: AttributeName, value: number | string, tag: number): Item {
  if (name === 'name') {
    return structure(tag, text(TAG.nameValue, `${value}`), enumeration(TAG.nameType, UNINTERPRETED_TEXT));
  }
  if (typeof value === 'string') return text(tag, value);
  return name === 'length' || name === 'usageMask' ? integer(tag, value) : enumeration(tag, value);
}

import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {assertObject} from '../../src/rdma/checks.js';

describe('assertObject', () => {
  for (const value of [undefined, null, 1, 'x', true]) {
    it(`refuses ${value === null ? 'null' : typeof value}`, () => {
      expect(() => assertObject(value, 'options')).to.throw(DekError, '"options" expected an object');
    });
  }
});

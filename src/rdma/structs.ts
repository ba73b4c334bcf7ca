/** The structures of a create and of a query, outside V8's heap so that they stay where C was told that they are. */
import {secretBytes} from '../bytes.js';
import {MLX5DV_DEK_ATTR as ATTR, C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR} from './c-layout.js';

/** struct mlx5dv_dek_init_attr: it has held a key, until it is wiped. */
export class InitAttr {
  readonly bytes = secretBytes(INIT_ATTR.size);
  readonly view = new DataView(this.bytes.buffer);
  readonly words = new Int32Array(this.bytes.buffer);
}

/** struct mlx5dv_dek_attr. */
export class DekAttr {
  readonly bytes = new Uint8Array(new ArrayBuffer(ATTR.size));
  readonly view = new DataView(this.bytes.buffer);
  readonly #words = new Int32Array(this.bytes.buffer);

  /** Before a query: the state is ERROR, so that an answer that is none is not taken for READY. Returns its bytes. */
  clear(): Uint8Array {
    this.#words.fill(0);
    this.view.setUint32(ATTR.state, C.MLX5DV_DEK_STATE_ERROR, true);
    return this.bytes;
  }
}

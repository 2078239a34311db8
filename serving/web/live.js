/** Asks while the request changes: not for every key press, and only the newest answer counts. */

const PAUSE = 120; // milliseconds without a change before it is asked

export class Live {
  #ask;
  #on;
  #timer = 0;
  #abort = null;

  /** `ask(signal)` returns a promise; `on` has `start()`, `answer(value)`, `error(error)`. */
  constructor(ask, on) {
    this.#ask = ask;
    this.#on = on;
  }

  /** Asks after `pause` milliseconds without another call; what is under way is given up. */
  request(pause = PAUSE) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#on.start();
    this.#timer = setTimeout(() => this.#run(), pause);
  }

  async #run() {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const answer = await this.#ask(abort.signal);
      if (!abort.signal.aborted) this.#on.answer(answer);
    } catch (error) {
      if (!abort.signal.aborted) this.#on.error(error);
    }
  }
}

/** Numbers for people. */

const MINUS = "\u2212";

/** With three digits after the point, such as 1.994. */
export function score(value) {
  return signless(value.toFixed(3));
}

/** With its sign, such as +0.313. */
export function signed(value) {
  const shown = value.toFixed(3);
  return Number(shown) === 0 ? "0.000" : value > 0 ? `+${shown}` : signless(shown);
}

/** Such as 4.7 %; small ones keep two digits. */
export function percent(share) {
  const value = 100 * share;
  if (value >= 10 || value === 0) return `${value.toFixed(0)} %`;
  return `${value >= 1 ? value.toFixed(1) : value.toPrecision(2)} %`;
}

/** Such as 11.8 ms. */
export function milliseconds(value) {
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`;
}

export function whole(value) {
  return value.toLocaleString("en");
}

/** "1 item", "2 items". */
export function count(number, one, many = `${one}s`) {
  return `${whole(number)} ${number === 1 ? one : many}`;
}

function signless(shown) {
  return shown.replace("-", MINUS);
}

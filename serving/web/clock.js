/** Unix seconds and the wall clock of the release's time zone, which its models were trained with. */

export const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
export const DAY = 86_400; // seconds

/** What a clock in `zone` shows; `weekday` counts from 0, Monday. */
export function wall(seconds, zone) {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric",
    minute: "numeric", second: "numeric" });
  const found = Object.fromEntries(format.formatToParts(seconds * 1000)
    .filter(({ type }) => type !== "literal").map(({ type, value }) => [type, Number(value)]));
  const weekday = (new Date(Date.UTC(found.year, found.month - 1, found.day)).getUTCDay() + 6) % 7;
  return { ...found, weekday };
}

/** The Unix seconds at which a clock in `zone` shows this; days and minutes may be out of range. */
export function unix({ year, month, day, hour, minute, second = 0 }, zone) {
  const wanted = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  let guess = wanted;
  for (let n = 0; n < 2; n++) guess += wanted - asUtc(wall(guess, zone)); // twice: the offset may change
  return guess;
}

/** Such as 1997-12-02T21:06, as <input type="datetime-local"> takes it. */
export function input(seconds, zone) {
  const at = wall(seconds, zone);
  return `${pad(at.year, 4)}-${pad(at.month)}-${pad(at.day)}T${pad(at.hour)}:${pad(at.minute)}`;
}

/** The Unix seconds of such a text; null if it is none. */
export function fromInput(shown, zone) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(shown);
  if (!found) return null;
  const [year, month, day, hour, minute] = found.slice(1).map(Number);
  return unix({ year, month, day, hour, minute }, zone);
}

/** Such as 2 Dec 1997, 21:06. */
export function shown(seconds, zone) {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" })
    .format(seconds * 1000);
}

/** Such as "3 days earlier". */
export function earlier(seconds, than) {
  const gap = Math.abs(than - seconds);
  const which = seconds > than ? "later" : "earlier";
  for (const [size, unit] of [[365 * DAY, "year"], [DAY, "day"], [3600, "hour"], [60, "minute"]]) {
    const number = Math.floor(gap / size);
    if (number >= 1) return `${number} ${unit}${number === 1 ? "" : "s"} ${which}`;
  }
  return gap < 1 ? "at that time" : `${gap} s ${which}`;
}

export function timeOfDay(minutes) {
  return `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

function asUtc(at) {
  return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) / 1000;
}

function pad(number, width = 2) {
  return String(number).padStart(width, "0");
}

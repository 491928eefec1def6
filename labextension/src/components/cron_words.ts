// The everyday cron expressions in words; of all others the expression itself says more than a long sentence.

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const SHORTHANDS = new Map([
  ["@hourly", "every hour"],
  ["@daily", "every day at 00:00"],
  ["@midnight", "every day at 00:00"],
  ["@weekly", "Sunday at 00:00"],
]);
const TIME = /^(\d{1,2}) (\d{1,2}) \* \* (\S+)$/;
const MINUTES = /^\*\/(\d{1,2}) \* \* \* \*$/;

function dayOf(text: string): string | undefined {
  if (/^[0-7]$/.test(text)) return DAYS[Number(text) % 7];
  return DAYS.find(day => day.slice(0, 3).toLowerCase() === text.toLowerCase());
}

function daysOf(text: string): string | null {
  if (text === "*") return "every day";
  const parts = text.split(",").map(part => {
    const [first, last, ...more] = part.split("-").map(dayOf);
    if (!first || more.length) return null;
    return part.includes("-") ? last && `${first} to ${last}` : first;
  });
  return parts.every(Boolean) ? parts.join(", ") : null;
}

/** `0 9 * * mon-fri` as `Monday to Friday at 09:00`; null where words would not be shorter than what they say. */
export function cronWords(expression: string): string | null {
  const shorthand = SHORTHANDS.get(expression);
  if (shorthand) return shorthand;
  const minutes = Number(MINUTES.exec(expression)?.[1]);
  if (minutes > 1 && 60 % minutes === 0) return `every ${minutes} minutes`;
  const [, minute, hour, which] = TIME.exec(expression) ?? [];
  if (!minute || !hour || !which || Number(minute) > 59 || Number(hour) > 23) return null;
  const days = daysOf(which);
  return days && `${days} at ${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
}

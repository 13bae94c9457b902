// Loaded before umbrad (`--import`): the wall clock of this process is wrong by SHIFT_MS milliseconds.
const shiftMs = Number(process.env["SHIFT_MS"] ?? "0");
const now = Date.now.bind(Date);
Date.now = () => now() + shiftMs;

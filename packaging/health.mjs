// The container's health check, in an image that has no shell: 0 while the daemon is ready.
const url = process.env.BPFWARDEN_HEALTH_URL ?? 'http://127.0.0.1:9477/-/ready';
try {
  const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(4000) });
  if (!ok) throw new Error(`it answered ${status}`);
} catch (error) {
  console.error(`${url}: ${error.cause?.message ?? error.message}`);
  process.exit(1);
}

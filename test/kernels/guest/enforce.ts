/** What rules with action = "block" must refuse, and what is tried against them. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** For documentation (RFC 5737); the guest has no route to it. */
const ADDRESS = '198.51.100.7';
const PORT = 21099;

const rules = {
  rules: [
    {
      name: 'kernel_block',
      condition: `event.type == 'net_conn' && network.destination.port == ${PORT}`,
      risk_score: 0.9,
      action: 'block',
    },
  ],
};

const connects = (): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(PORT, ADDRESS);
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

async function datagram(): Promise<string> {
  const socket = createSocket('udp4');
  const result = await new Promise<string>((resolve) =>
    socket.send('x', PORT, ADDRESS, (error) => resolve((error as NodeJS.ErrnoException | null)?.code ?? 'sent')),
  );
  socket.close();
  return result;
}

const MOST_ROUNDS = 30;

/** The first connect makes the alert; once it is out the others find the address blocked. */
async function provoke(): Promise<Record<string, readonly string[]>> {
  const tcp = [await connects()];
  while (tcp.length < MOST_ROUNDS && tcp.at(-1) !== 'EPERM') {
    await sleep(2000);
    tcp.push(await connects());
  }
  return { connect: tcp, datagram: [await datagram()] };
}

export const enforce = { rules, provoke };

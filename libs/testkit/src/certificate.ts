import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A key and its certificate, which signs itself, as PEM files. */
export type CertificateFiles = Readonly<{ keyFile: string; certificateFile: string }>;

const run = promisify(execFile);

/** Makes a key and a certificate for 127.0.0.1 in a folder, with the openssl of this machine. */
export const makeCertificate = async (folder: string): Promise<CertificateFiles> => {
  const files = { keyFile: join(folder, 'node.key'), certificateFile: join(folder, 'node.crt') };
  const request = ['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=KurrentDB model'];
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-keyout',
    files.keyFile,
  ];
  const subject = ['-addext', 'subjectAltName=IP:127.0.0.1', '-out', files.certificateFile];
  await run('openssl', [...request, ...key, ...subject]);
  return files;
};

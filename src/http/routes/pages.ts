import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import express, { type Response, type Router } from 'express';
import type { ErrorCode } from '../../domain/errors/app-error.ts';

/** The files of `publicDirectory`: the pages themselves, their assets, and the page of an error. */
export class Pages {
  readonly #publicDirectory: string;
  readonly #errorTemplate: string;

  constructor(publicDirectory: string) {
    this.#publicDirectory = publicDirectory;
    this.#errorTemplate = readFileSync(join(publicDirectory, 'error.html'), 'utf8');
  }

  errorPage(code: ErrorCode, requestId: string): string {
    return this.#errorTemplate.replaceAll('{{code}}', code).replaceAll('{{requestId}}', requestId);
  }

  routes(): Router {
    const router = express.Router();
    router.get('/marketplace/', (request, response) => {
      // As the settings page of the application this arrives signed, like a registration; that leads to the salon's state.
      const { search, searchParams } = new URL(request.originalUrl, 'http://localhost');
      if (searchParams.has('user_data')) response.redirect(303, `/marketplace/register${search}`);
      else this.#sendPage(response, 'index.html');
    });
    router.get('/marketplace/connect', (_request, response) => this.#sendPage(response, 'connect.html'));
    router.get('/marketplace/settings', (_request, response) => this.#sendPage(response, 'settings.html'));
    router.get('/marketplace/assets/*file', (request, response) => {
      response.setHeader('Cache-Control', 'no-cache');
      response.sendFile(request.params.file.join('/'), {
        root: this.#publicDirectory,
        cacheControl: false,
        dotfiles: 'ignore',
      });
    });
    return router;
  }

  /** Pages carry a token in their address, so no cache keeps them. */
  #sendPage(response: Response, file: string): void {
    response.sendFile(file, { root: this.#publicDirectory, cacheControl: false, etag: false });
  }
}

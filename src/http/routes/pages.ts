import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import express, { type Response, type Router } from 'express';
import type { ErrorCode } from '../../domain/errors/app-error.ts';

/** Serves `publicDirectory`: the pages, their assets and the error page. */
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
    // 302, not 308: browsers cache a permanent redirect, and an operator may put another page at the root later.
    router.get('/', (_request, response) => response.redirect(302, '/marketplace/'));
    router.get('/marketplace/', (request, response) => {
      // YCLIENTS opens its "Settings" link here with a signed query; registration verifies it and shows the salon's state.
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

  /** The URL of a page may hold a token, so the response must stay out of every cache. */
  #sendPage(response: Response, file: string): void {
    response.sendFile(file, { root: this.#publicDirectory, cacheControl: false, etag: false });
  }
}

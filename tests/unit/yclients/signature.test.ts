import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { paymentSignature, verifyUserData } from '../../../src/yclients/signature.ts';

/** Inputs printed at support.alteg.io/hc/en-us/articles/6756242694429. */
const published = {
  partnerToken: '2t6u73mrh85btb8wgyfj',
  userData:
    'eyJ1c2VyX2lkIjoxMjMsIm5hbWUiOiLQkNC90LTRgNC10Lkg0JjQstCw0L3QvtCyIiwiZW1haWwiOiJhbmRyZXlAZXhhbXBsZS5jb20iLCJwaG9uZSI6Ijc5OTkwMDA5OTAwIn0=',
  userDataSign: '4c4e4694660399173ce165d761e59dd8da341cf0bb04673db21f28bb4153e950',
};
const simulated = {
  partnerToken: 'sim_partner_token_0001',
  userData:
    'eyJ1c2VyX2lkIjo3NzcwMDEsIm5hbWUiOiLQntC70YzQs9CwINCi0LXRgdGC0L7QstCwIiwiZW1haWwiOiJvbGdhQGV4YW1wbGUuY29tIiwicGhvbmUiOiI3OTAwMTExMjIzMyJ9',
  userDataSign: '83cfe8b60666232a6fde72d0a85ed7504db8763e7dfc2a3f3cc1fc5c74b6d9c8',
};

function sign(user: unknown) {
  const bytes = Buffer.from(JSON.stringify(user));
  const { partnerToken } = published;
  const userDataSign = createHmac('sha256', partnerToken).update(bytes).digest('hex');
  return { partnerToken, userData: bytes.toString('base64'), userDataSign };
}

describe('verifyUserData', () => {
  it('accepts a signature of the decoded bytes', () => {
    expect(verifyUserData(published)).toEqual({
      id: 123,
      name: 'Андрей Иванов',
      email: 'andrey@example.com',
      phone: '79990009900',
    });
    expect(verifyUserData(simulated)).toMatchObject({ id: 777_001, name: 'Ольга Тестова' });
  });

  it('rejects a signature of the base64 text', () => {
    const userDataSign = '0938758a579ffcc12ccbbff2dc49aa28560fbf062c4fddd87f5592065d342831';
    expect(catchAppError(() => verifyUserData({ ...published, userDataSign })).code).toBe('INVALID_TOKEN');
  });

  it('rejects a signature that is empty, truncated, upper-case or made with another token', () => {
    const { userDataSign } = published;
    for (const invalid of ['', userDataSign.slice(0, -1), userDataSign.toUpperCase()]) {
      expect(catchAppError(() => verifyUserData({ ...published, userDataSign: invalid })).code).toBe(
        'INVALID_TOKEN',
      );
    }
    expect(catchAppError(() => verifyUserData({ ...published, partnerToken: 'another' })).code).toBe(
      'INVALID_TOKEN',
    );
  });

  it('rejects user data with one changed character', () => {
    expect(
      catchAppError(() =>
        verifyUserData({ ...published, userData: published.userData.replace('MjMs', 'MjQs') }),
      ).code,
    ).toBe('INVALID_TOKEN');
  });

  it('accepts the user id as id, and unknown fields', () => {
    const signed = sign({
      id: 5,
      name: 'Ольга',
      phone: 79_001_112_233,
      is_approved: true,
      salon_name: 'Ромашка',
    });
    expect(verifyUserData(signed)).toEqual({ id: 5, name: 'Ольга', email: undefined, phone: '79001112233' });
  });

  it('accepts base64 in which a query parser has replaced + with a space', () => {
    const signed = sign({ id: 5, name: '>>>>~~~~' });
    expect(signed.userData).toContain('+');
    const decodedByParser = { ...signed, userData: signed.userData.replaceAll('+', ' ') };
    expect(verifyUserData(decodedByParser).name).toBe('>>>>~~~~');
  });

  it('rejects signed data without a user, and data that is not JSON or base64', () => {
    expect(catchAppError(() => verifyUserData(sign({ name: 'nobody' }))).code).toBe('INVALID_TOKEN');
    expect(catchAppError(() => verifyUserData(sign('text'))).code).toBe('INVALID_TOKEN');
    expect(catchAppError(() => verifyUserData({ ...published, userData: '%%%' })).code).toBe('INVALID_TOKEN');
    expect(catchAppError(() => verifyUserData({ ...published, userData: 'A'.repeat(10_000) })).code).toBe(
      'INVALID_TOKEN',
    );
  });
});

describe('paymentSignature', () => {
  const payment = { salonId: 510_001, amount: 1990, partnerToken: 'sim_partner_token_0001' };

  it('covers the discount when there is one', () => {
    expect(paymentSignature({ ...payment, discount: 10 })).toBe(
      '5b28ddf270e834aae5514576e897b54bbe7e0e5f112382faffeb2a1adcc397ce',
    );
  });

  it('omits a discount that is null', () => {
    expect(paymentSignature({ ...payment, discount: null })).toBe(
      'e5b1fa1e43e83afcf6490e638077c5724866be7be7f0e3a55562af4cde76197b',
    );
  });
});

function catchAppError(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('No AppError was thrown');
}

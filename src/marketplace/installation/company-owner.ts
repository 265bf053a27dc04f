import { AppError, type BilingualText } from '../../domain/errors/app-error.ts';

const otherOwner: BilingualText = {
  ru: 'Этот салон подключил другой пользователь YCLIENTS. Попросите его открыть приложение или подключите приложение заново.',
  en: 'Another YCLIENTS user connected this salon. Ask them to open the application, or install it again.',
};

const inUseWithoutOwner: BilingualText = {
  ru: 'Этот салон подключил оператор сервиса, и приложение уже используется. Попросите у оператора новую ссылку или отключите приложение в YCLIENTS и подключите его снова.',
  en: 'The operator of this service connected this salon, and the application is in use. Ask the operator for a new link, or uninstall the application in YCLIENTS and install it again.',
};

/** @param ownerUserId from `createOrFind` or `ownerPreview` @throws AppError `FORBIDDEN` unless the user is the owner */
export function requireOwner(ownerUserId: number | undefined, userId: number): void {
  if (ownerUserId === userId) return;
  throw new AppError('FORBIDDEN', { text: ownerUserId === undefined ? inUseWithoutOwner : otherOwner });
}

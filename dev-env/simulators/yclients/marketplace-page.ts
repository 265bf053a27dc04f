import type { InstallationStatus, Salon } from './salon.ts';

const statusLabels: Record<InstallationStatus, string> = {
  uninstalled: 'Не подключено',
  pending: 'Ожидает настройки',
  active: 'Подключено',
  freezed: 'Приостановлено',
};

const style = `
body{margin:0;font:16px/1.5 system-ui,sans-serif;background:#f2f3f5;color:#222}
main{max-width:32rem;margin:3rem auto;padding:2rem;background:#fff;border-radius:12px}
h1{margin:0 0 .25rem;font-size:1.4rem}p{margin:.5rem 0}form{display:inline-block;margin:1rem .5rem 0 0}
button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:8px;background:#ffcd00;cursor:pointer}
button.quiet{background:#e6e8eb}`;

/** The card of the application as a salon's owner sees it. */
export function marketplacePage(salon: Salon): string {
  const base = `/marketplace-app/${salon.id}`;
  const buttons =
    salon.status === 'uninstalled'
      ? button(`${base}/connect`, 'Подключить')
      : button(`${base}/connect`, salon.status === 'pending' ? 'Продолжить подключение' : 'Настройки') +
        button(`${base}/disconnect`, 'Отключить', 'quiet');
  return page(
    'Сообщения о записи в WhatsApp',
    `<p>${escapeHtml(salon.profile.title)}</p>
     <p>Статус: <strong id="status" data-status="${salon.status}">${statusLabels[salon.status]}</strong></p>
     ${buttons}`,
  );
}

export function page(title: string, content: string): string {
  return `<!doctype html><html lang="ru"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title>
<style>${style}</style><main><h1>${escapeHtml(title)}</h1>${content}</main></html>`;
}

function button(action: string, label: string, className = ''): string {
  return `<form method="post" action="${action}"><button class="${className}">${label}</button></form>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** What the platform tells events of, as it is written in `resource`. Some of its names are not documented: both are taken. */
const platformResources: ReadonlySet<string> = new Set([
  'record',
  'client',
  'company',
  'salon',
  'staff',
  'master',
  'service',
  'service_category',
  'good',
  'goods_operations_sale',
  'goods_operations_receipt',
  'goods_operations_consumable',
  'goods_operations_stolen',
  'goods_operations_move',
  'finances_operation',
  'schedule',
  'loyalty_card',
]);

export function isPlatformResource(resource: string): boolean {
  return platformResources.has(resource);
}

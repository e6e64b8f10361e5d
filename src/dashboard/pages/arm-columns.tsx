/** The heads of a table's two columns of figures, control before candidate. */
import type { FC } from 'hono/jsx'
import type { Text } from '../text/en.ts'

export const ArmColumns: FC<{ t: Text }> = ({ t }) => (
  <>
    <th scope="col" class="number">
      {t.arm.control}
    </th>
    <th scope="col" class="number">
      {t.arm.candidate}
    </th>
  </>
)

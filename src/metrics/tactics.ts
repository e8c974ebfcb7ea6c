/** The ATT&CK tactics, as values of the label `tactic`. */
export const TACTICS = [
  'reconnaissance',
  'resource_development',
  'initial_access',
  'execution',
  'persistence',
  'privilege_escalation',
  'defense_evasion',
  'credential_access',
  'discovery',
  'lateral_movement',
  'collection',
  'command_and_control',
  'exfiltration',
  'impact',
] as const;

type Tactic = (typeof TACTICS)[number];

/** Techniques seen on Linux hosts, by the tactics that ATT&CK lists them under; sub-techniques follow their parent. */
const TECHNIQUES: Readonly<Record<Tactic, readonly number[]>> = {
  reconnaissance: [1592, 1595, 1590],
  resource_development: [1587, 1588, 1608],
  initial_access: [1078, 1133, 1189, 1190, 1195, 1199, 1200, 1566],
  execution: [1053, 1059, 1072, 1106, 1129, 1203, 1204, 1559, 1569, 1609, 1610],
  persistence: [1037, 1053, 1078, 1098, 1133, 1136, 1176, 1205, 1505, 1525, 1542, 1543, 1546, 1547, 1554, 1556, 1574],
  privilege_escalation: [1037, 1053, 1055, 1068, 1078, 1098, 1484, 1543, 1546, 1547, 1548, 1574, 1611],
  defense_evasion: [
    1014, 1027, 1036, 1055, 1070, 1078, 1112, 1127, 1140, 1202, 1205, 1211, 1218, 1222, 1480, 1497, 1542, 1548, 1550,
    1553, 1556, 1562, 1564, 1574, 1578, 1599, 1601, 1610, 1612, 1620, 1622, 1647,
  ],
  credential_access: [1003, 1040, 1056, 1110, 1111, 1187, 1212, 1528, 1539, 1552, 1555, 1556, 1557, 1558, 1606, 1649],
  discovery: [
    1007, 1010, 1012, 1016, 1018, 1033, 1040, 1046, 1049, 1057, 1069, 1082, 1083, 1087, 1120, 1124, 1135, 1201, 1217,
    1497, 1518, 1526, 1580, 1613, 1614, 1615, 1622, 1652, 1654,
  ],
  lateral_movement: [1021, 1072, 1080, 1091, 1210, 1534, 1550, 1563, 1570],
  collection: [1005, 1025, 1039, 1056, 1074, 1113, 1114, 1115, 1119, 1123, 1125, 1185, 1213, 1530, 1557, 1560],
  command_and_control: [1001, 1008, 1071, 1090, 1092, 1095, 1102, 1104, 1105, 1132, 1205, 1219, 1568, 1571, 1572, 1573],
  exfiltration: [1011, 1020, 1029, 1030, 1041, 1048, 1052, 1567],
  impact: [1485, 1486, 1489, 1490, 1491, 1495, 1496, 1498, 1499, 1529, 1531, 1561, 1565, 1657],
};

const byTechnique = new Map<number, Tactic[]>();
for (const tactic of TACTICS) {
  for (const technique of TECHNIQUES[tactic]) {
    byTechnique.set(technique, [...(byTechnique.get(technique) ?? []), tactic]);
  }
}

/**
 * The tactics of a rule: those that its tags name (`attack.defense-evasion`,
 * as Sigma writes them), else those of its techniques, else `none`.
 */
export function tacticsOf(rule: {
  readonly tags: readonly string[];
  readonly mitre: readonly string[];
}): readonly (Tactic | 'none')[] {
  const tagged = new Set(
    rule.tags.map((tag) =>
      tag
        .toLowerCase()
        .replace(/^attack\./, '')
        .replaceAll('-', '_'),
    ),
  );
  const named = TACTICS.filter((tactic) => tagged.has(tactic));
  if (named.length > 0) return named;
  const derived = rule.mitre.flatMap((id) => byTechnique.get(Number(/^T(\d{4})/i.exec(id)?.[1])) ?? []);
  return derived.length > 0 ? [...new Set(derived)] : ['none'];
}

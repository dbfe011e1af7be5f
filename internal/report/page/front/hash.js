// Addresses within the page, to paste in a ticket: #incident-1, #conn-12, #conn-12-5 (a command of it).

export function place() {
  const m = /^#(incident|conn)-(\d{1,12})(?:-(\d{1,9}))?$/.exec(location.hash);
  return m ? { kind: m[1], id: Number(m[2]), index: m[3] ? Number(m[3]) : 0 } : null;
}

export const toConn = (conn, index) => `#conn-${conn}${index ? "-" + index : ""}`;
export const toIncident = (id) => `#incident-${id}`;

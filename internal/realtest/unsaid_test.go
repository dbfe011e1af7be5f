package realtest

import "strings"

// unsaid are the commands of the table that no caller says, with the reason.
var unsaid = map[string]string{
	"SYNC": "its answer is a snapshot, which is no reply",
}

// alone are containers without a subcommand, and commands that a server without replicas, modules or files refuses.
const alone = `
ACL
ACL LOAD
ACL SAVE
BGREWRITEAOF
CLIENT CAPA redirect
CLUSTER
CONFIG
FAILOVER
FUNCTION
FUNCTION RESTORE bad
LATENCY
LATENCY GRAPH command
MEMORY
MODULE
MODULE LOAD /nonexistent
MODULE LOADEX /nonexistent
MODULE UNLOAD none
OBJECT
PFADD hll a b c
PFDEBUG ENCODING hll
PFDEBUG GETREG hll
PUBSUB
RESTORE-ASKING r 0 bad
SCRIPT
SCRIPT DEBUG NO
SCRIPT SHOW ffffffffffffffffffffffffffffffffffffffff
SENTINEL MASTERS
SLOWLOG
WAITAOF 0 0 10
XGROUP
XINFO
`

// clusterCommands are for a node that has no slots yet. They leave it without slots.
const clusterCommands = `
GET a
CLUSTER ADDSLOTSRANGE 0 9999
CLUSTER ADDSLOTS 10000 10001 10002
SET k v
GET k
GET a
MGET a b
MGET {a}1 {a}2
SUBSTR k 0 1
ASKING
GET k
READONLY
READWRITE
SELECT 1
CLUSTER BUMPEPOCH
CLUSTER COUNT-FAILURE-REPORTS ffffffffffffffffffffffffffffffffffffffff
CLUSTER COUNTKEYSINSLOT 7629
CLUSTER GETKEYSINSLOT 7629 10
CLUSTER INFO
CLUSTER KEYSLOT a
CLUSTER LINKS
CLUSTER MYID
CLUSTER MYSHARDID
CLUSTER NODES
CLUSTER REPLICAS ffffffffffffffffffffffffffffffffffffffff
CLUSTER SLAVES ffffffffffffffffffffffffffffffffffffffff
CLUSTER REPLICATE ffffffffffffffffffffffffffffffffffffffff
CLUSTER SAVECONFIG
CLUSTER SET-CONFIG-EPOCH 1
CLUSTER SETSLOT 7629 STABLE
CLUSTER SETSLOT 7629 NODE ffffffffffffffffffffffffffffffffffffffff
CLUSTER SHARDS
CLUSTER SLOT-STATS SLOTSRANGE 0 1
CLUSTER SLOTS
CLUSTER FAILOVER
CLUSTER FORGET ffffffffffffffffffffffffffffffffffffffff
CLUSTER MEET 127.0.0.1 nonsense
FLUSHALL
CLUSTER DELSLOTS 10000
CLUSTER DELSLOTSRANGE 0 9999
CLUSTER FLUSHSLOTS
CLUSTER RESET
`

// sentinelCommands leave the Sentinel with its one master.
const sentinelCommands = `
PING
SENTINEL
SENTINEL CKQUORUM mymaster
SENTINEL CKQUORUM none
SENTINEL CONFIG GET *
SENTINEL DEBUG
SENTINEL FAILOVER none
SENTINEL FLUSHCONFIG
SENTINEL GET-MASTER-ADDR-BY-NAME mymaster
SENTINEL GET-MASTER-ADDR-BY-NAME none
SENTINEL GET-PRIMARY-ADDR-BY-NAME mymaster
SENTINEL HELP
SENTINEL INFO-CACHE mymaster
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 *
SENTINEL IS-PRIMARY-DOWN-BY-ADDR 127.0.0.1 1 0 *
SENTINEL MASTER mymaster
SENTINEL MASTER none
SENTINEL MASTERS
SENTINEL MONITOR mymaster 127.0.0.1 1 1
SENTINEL MYID
SENTINEL PENDING-SCRIPTS
SENTINEL PRIMARIES
SENTINEL PRIMARY mymaster
SENTINEL REMOVE none
SENTINEL REPLICAS mymaster
SENTINEL RESET none
SENTINEL SENTINELS mymaster
SENTINEL SET mymaster quorum 1
SENTINEL SIMULATE-FAILURE help
SENTINEL SLAVES mymaster
INFO sentinel
ROLE
GET k
`

// each makes a command of each line.
func each(lines string) (list []ask) {
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		list = append(list, one(strings.Fields(line)...))
	}
	return list
}

// Command mixed is what a service with many processes does: clients of go-redis, each with a pool of its own, that read and write
// values of 10 bytes to 4 KiB by different commands, now and then in a pipeline. It ends when all of them have made their calls.
//
//	mixed ADDRESS CALLS
package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	clients = 30
	callers = 4 // of each client, at once
	keys    = 5000
)

func main() {
	calls, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range clients {
		client := redis.NewClient(&redis.Options{Addr: os.Args[1], ClientName: fmt.Sprint("service-", i)})
		for j := range callers {
			wg.Go(func() {
				if err := call(client, rand.New(rand.NewPCG(uint64(i), uint64(j))), calls/clients/callers); err != nil {
					log.Fatal(err)
				}
			})
		}
	}
	wg.Wait()
}

var text = strings.Repeat("0123456789abcdef", 256)

// call makes n calls, one after another.
func call(client *redis.Client, rnd *rand.Rand, n int) error {
	ctx := context.Background()
	for range n {
		key := fmt.Sprintf("user:%05d", rnd.IntN(keys))
		value := text[:10<<rnd.IntN(9)] // 10, 20, ... 2,560 bytes
		if rnd.IntN(50) == 0 {
			value = text
		}
		var err error
		switch rnd.IntN(10) {
		case 0, 1, 2, 3:
			err = client.Get(ctx, "s:"+key).Err()
		case 4, 5:
			err = client.Set(ctx, "s:"+key, value, 0).Err()
		case 6:
			err = client.HSet(ctx, "h:"+key, "name", value, "seen", rnd.IntN(1e6)).Err()
		case 7:
			err = client.HGetAll(ctx, "h:"+key).Err()
		case 8:
			err = client.Incr(ctx, "n:"+key).Err()
		default:
			pipe := client.Pipeline()
			for range 2 + rnd.IntN(8) {
				pipe.Get(ctx, fmt.Sprintf("s:user:%05d", rnd.IntN(keys)))
			}
			_, err = pipe.Exec(ctx)
		}
		if err != nil && err != redis.Nil {
			return err
		}
	}
	return nil
}

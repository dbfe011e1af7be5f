// Command goredis is a test of a service that uses go-redis, as a build might run it: the server sleeps while connections
// are set up, reads time out after 200 ms, and many quick calls follow through the same pool. go-redis 9.5.1 ignores that
// CLIENT SETINFO timed out (CVE-2025-29923), and takes the late replies to it for those to its calls.
//
//	goredis ADDRESS
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const keys = 40

func main() {
	ctx := context.Background()
	admin := redis.NewClient(&redis.Options{Addr: os.Args[1], ReadTimeout: 5 * time.Second, MaxRetries: -1, DisableIndentity: true})
	for i := range keys {
		if err := admin.Set(ctx, fmt.Sprint("key:", i), fmt.Sprint("value of ", i), 0).Err(); err != nil {
			log.Fatal(err)
		}
	}
	slow := func() {
		go admin.Do(ctx, "DEBUG", "SLEEP", "0.3")
		time.Sleep(20 * time.Millisecond)
	}
	var wrong, failed int
	for range 3 {
		once := sync.OnceFunc(slow)
		client := redis.NewClient(&redis.Options{
			Addr: os.Args[1], ReadTimeout: 200 * time.Millisecond, PoolSize: 2, MaxRetries: -1,
			Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &setUp{Conn: conn, slow: once}, err
			},
		})
		for i := range 60 {
			got, err := client.Get(ctx, fmt.Sprint("key:", i%keys)).Result()
			switch {
			case err != nil:
				failed++
			case got != fmt.Sprint("value of ", i%keys):
				wrong++
			}
		}
		if err := client.Close(); err != nil {
			log.Fatal(err)
		}
		time.Sleep(400 * time.Millisecond)
	}
	fmt.Printf("%d calls failed, %d got a wrong value\n", failed, wrong)
}

// setUp is a connection during whose set-up the server becomes slow.
type setUp struct {
	net.Conn
	slow func()
}

func (c *setUp) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("setinfo")) {
		c.slow()
	}
	return c.Conn.Write(b)
}

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// tls_client.go -- a TLS client as Go programs are: usage: client ADDRESS:PORT NAME
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	d := &net.Dialer{Timeout: 5 * time.Second}
	c, err := tls.DialWithDialer(d, "tcp", os.Args[1],
		&tls.Config{ServerName: os.Args[2], InsecureSkipVerify: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Fprintf(c, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", os.Args[2])
	io.Copy(os.Stdout, c)
}

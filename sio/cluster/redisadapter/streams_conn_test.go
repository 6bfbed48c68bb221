package redisadapter

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestProgress has connections carry what takes longer than they may be silent,
// there and back, in the clear and by TLS, and finds those dead that are.
func TestProgress(t *testing.T) {
	const size, speed = 3 << 20, 1 << 20
	for name, secure := range map[string]bool{"tcp": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if secure {
				listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
			}
			defer listener.Close()
			ended := make(chan struct{})
			defer close(ended)
			go func() { // answers one message, when it has all of it, with as much; then it is dead
				c, err := listener.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				b := make([]byte, size)
				if _, err := io.ReadFull(c, b); err == nil {
					c.Write(b)
				}
				<-ended
			}()
			l, err := redistest.NewLink(listener.Addr().String(), speed)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			dial := dialStream(func(ctx context.Context, network, addr string) (net.Conn, error) {
				if secure {
					return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, network, addr)
				}
				return new(net.Dialer).DialContext(ctx, network, addr)
			})
			c, err := dial(t.Context(), "tcp", l.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetWriteDeadline(time.Now().Add(answerTime))
			if _, err := c.Write(make([]byte, size)); err != nil {
				t.Fatal("writing:", err)
			}
			c.SetReadDeadline(time.Now().Add(answerTime))
			if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
				t.Fatal("reading:", err)
			}
			c.SetReadDeadline(time.Now().Add(answerTime))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("reading from a dead link:", err)
			}
			l.SetSpeed(0)
			c.SetWriteDeadline(time.Now().Add(answerTime))
			for err = nil; err == nil; {
				_, err = c.Write(make([]byte, size))
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("writing to a dead link:", err)
			}
		})
	}
}

// TestPaceLimit: what trickles has slowGrace and the time of lowestSpeed.
func TestPaceLimit(t *testing.T) {
	var p pace
	p.begin(time.Now())
	p.begun = p.begun.Add(-slowGrace - 10*time.Second)
	p.until = p.begun
	p.advance(lowestSpeed)
	if limit := p.begun.Add(slowGrace + time.Second); !p.until.Equal(limit) {
		t.Errorf("a second's bytes in 20 s: the limit is %v, want %v", p.until.Sub(p.begun), limit.Sub(p.begun))
	}
	p.advance(100 * lowestSpeed)
	if left := time.Until(p.until); left < answerTime/2 {
		t.Errorf("enough bytes in 20 s: the limit is in %v", left)
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

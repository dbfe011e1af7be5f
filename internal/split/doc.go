// Package split deals the packets of a capture out to several files, so that what is judged together stays together.
package split

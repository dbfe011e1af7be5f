# Two images, each a static program run by a user without rights:
#
#   docker build -t respsniff .                            live: its program carries CAP_NET_RAW
#   docker build -t respsniff:files --target files .       for captures: no right at all
#
#   docker run --rm -v "$PWD:/data:ro" --cap-drop ALL respsniff:files analyze /data/redis.pcap
#   docker run --rm --network host --cap-drop ALL --cap-add NET_RAW respsniff live -i any --port 6379
FROM golang:1.26-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libcap2-bin >/dev/null
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=true -ldflags '-s -w -buildid=' -o /respsniff ./cmd/respsniff && /respsniff version
# A container without CAP_NET_RAW cannot start a program that carries it: hence two.
RUN cp /respsniff /respsniff-live && setcap cap_net_raw=ep /respsniff-live

FROM scratch AS files
COPY --from=build /respsniff /respsniff
COPY --from=build /src/LICENSE /LICENSE
USER 65534:65534
ENTRYPOINT ["/respsniff"]
CMD ["--help"]

FROM scratch AS live
COPY --from=build /respsniff-live /respsniff
COPY --from=build /src/LICENSE /LICENSE
USER 65534:65534
ENTRYPOINT ["/respsniff"]
CMD ["--help"]

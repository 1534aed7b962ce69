import Orders

await OrderApplication.main()

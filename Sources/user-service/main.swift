import Users

await UserApplication.main()
